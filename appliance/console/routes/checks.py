"""Headset and panel, tried by a person at the box while no call is monitored."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from appliance.console.access import PanelViewer
from appliance.console.check_views import CheckOut
from appliance.console.state import console
from appliance.control_link.words import CheckKind, Lamp

router = APIRouter(tags=["device"])


class CheckIn(BaseModel):
    """What is to be checked."""

    model_config = ConfigDict(extra="forbid")
    kind: CheckKind


class LampIn(BaseModel):
    """The lamp that shall blink; null for none."""

    model_config = ConfigDict(extra="forbid")
    lamp: Lamp | None


@router.get("/device/check")
async def check(request: Request, caller: PanelViewer) -> CheckOut:
    """What is checked now, and what was seen so far; the event ``check`` tells each change."""
    return CheckOut.of(console(request).ports.checks.now)


@router.post("/device/check")
async def begin(request: Request, caller: PanelViewer, body: CheckIn) -> CheckOut:
    """Begin, in idle only, else 409 ``busy``.

    The ``headset``'s opens the microphone, with its lamp lit, for 30 s at most; nothing but its
    level is kept. During the ``panel``'s each press of a button is told and does nothing else. It
    ends at once when a call is joined, and the headset's with any press of a button.
    """
    checks = console(request).ports.checks
    return CheckOut.of(await checks.begin(caller.account.name, body.kind))


@router.delete("/device/check")
async def end(request: Request, caller: PanelViewer) -> CheckOut:
    """End the check that runs, if one does."""
    return CheckOut.of(await console(request).ports.checks.end())


@router.post("/device/check/tone")
async def tone(request: Request, caller: PanelViewer) -> CheckOut:
    """Play a tone in the headset, in idle only."""
    return CheckOut.of(await console(request).ports.checks.tone())


@router.put("/device/check/lamp")
async def light(request: Request, caller: PanelViewer, body: LampIn) -> CheckOut:
    """Have a lamp blink quickly, or none; 409 ``no_check`` unless the panel is being checked."""
    return CheckOut.of(await console(request).ports.checks.light(body.lamp))
