"""The box itself: headset, lamps, volume, and the buttons of a virtual board."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from appliance.console.access import PanelViewer, SignedIn
from appliance.console.settings import ConsoleError
from appliance.console.state import console
from appliance.console.views import DeviceOut, SelfTestOut, platform_check
from appliance.control_link.words import Button
from appliance.monitoring.audit import Entry

router = APIRouter(tags=["device"])


class Volume(BaseModel):
    """Downlink volume, percent of full."""

    model_config = ConfigDict(extra="forbid")
    percent: Annotated[StrictInt, Field(ge=0, le=100)]


class PanelPress(BaseModel):
    """A button goes down or up."""

    model_config = ConfigDict(extra="forbid")
    button: Button
    down: StrictBool


@router.get("/device")
async def device(request: Request, caller: SignedIn) -> DeviceOut:
    """Board, headset, lamps, volume."""
    return DeviceOut.of(console(request).ports.monitoring.device())


@router.put("/device/volume")
async def set_volume(request: Request, caller: PanelViewer, body: Volume) -> DeviceOut:
    """How loud the call is in the headset."""
    monitoring = console(request).ports.monitoring
    await monitoring.set_volume(body.percent)
    return DeviceOut.of(monitoring.device())


@router.post("/device/selftest")
async def self_test(request: Request, caller: PanelViewer) -> SelfTestOut:
    """Check headset, lamps and platform. In idle only, for it opens the microphone; else 409."""
    ports = console(request).ports
    ports.audit.note(Entry(caller.account.name, "self_test"))
    checks = await ports.monitoring.self_test()
    return SelfTestOut.of([*checks, platform_check(ports)])


@router.post("/device/panel", status_code=204)
async def press(request: Request, caller: PanelViewer, body: PanelPress) -> None:
    """Press or release a button of the virtual board, exactly as a finger would.

    A press carries the name of the session's owner, so during a session only the owner may
    press the microphone's; letting go, and hanging up, are always safe.
    """
    fingers = console(request).fingers
    if fingers is None:
        raise ConsoleError(409, "not_virtual", "This box has real buttons; press those.")
    owner = console(request).ports.monitoring.current().owner
    speaks = body.down and body.button is Button.MICROPHONE
    if speaks and owner is not None and owner != caller.account.name:
        raise ConsoleError(
            403, "not_permitted", f"{owner} has this call; only {owner} may press the microphone."
        )
    await fingers.press(body.button, body.down)
