"""The monitoring session: state, microphone, hang-up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from appliance.console.access import Listener, PanelViewer, Viewer
from appliance.console.hub import monitoring_body
from appliance.console.routes.interactions import MonitorIn
from appliance.console.state import console
from appliance.console.views import MonitoringOut, TermsOut
from appliance.control_link.words import Audience
from appliance.monitoring.terms import NOTHING_GIVEN, Given

router = APIRouter(tags=["monitoring"])
ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": MonitoringOut}}


class Microphone(BaseModel):
    """``muted`` false barges in; ``audience`` agent coaches.

    Without an audience it stays as it was; with ``muted`` true it is the one for the next press.
    With ``only_live`` a microphone that was muted meanwhile stays so (409 ``stale``). With
    ``session_id`` nobody is heard in another session than that one (409 ``other_call``); muting
    asks for none.
    """

    model_config = ConfigDict(extra="forbid")
    muted: StrictBool
    audience: Audience | None = None
    only_live: StrictBool = False
    session_id: Annotated[str, Field(max_length=100)] | None = None


@router.get("/monitoring", responses=ANSWER)
async def current(request: Request, caller: Viewer) -> JSONResponse:
    """The current session or ``{"state": "idle"}``."""
    view = console(request).ports.monitoring.current()
    return JSONResponse(MonitoringOut.of(view).body())


@router.post("/monitoring/next", status_code=201, responses={201: {"model": MonitoringOut}})
async def monitor_next(
    request: Request, caller: Listener, body: MonitorIn | None = None
) -> JSONResponse:
    """Leave, and join the next call of the list that the account asked for last, silently."""
    given = Given(**body.model_dump()) if body else NOTHING_GIVEN
    view = await console(request).ports.monitoring.monitor_next(caller.account, given)
    return JSONResponse(MonitoringOut.of(view).body(), 201)


@router.get("/monitoring/terms")
async def terms(request: Request, caller: Viewer) -> TermsOut:
    """What the site asks for before each call is monitored; nothing by default."""
    return TermsOut.of(console(request).ports.monitoring.terms)


@router.put("/monitoring/microphone", responses=ANSWER)
async def set_microphone(request: Request, caller: PanelViewer, body: Microphone) -> JSONResponse:
    """Mute, barge in, or coach. Returns when the gate did, or the refusal."""
    view = await console(request).ports.monitoring.set_microphone(
        caller.account,
        body.muted,
        body.audience,
        only_live=body.only_live,
        session_id=body.session_id,
    )
    return JSONResponse(monitoring_body(caller.account, view))


@router.delete("/monitoring", status_code=204)
async def hang_up(request: Request, caller: PanelViewer) -> None:
    """Leave; the customer's call goes on."""
    await console(request).ports.monitoring.hang_up(caller.account)
