"""The box's own name and clock."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from appliance.console.access import DeviceManager
from appliance.console.state import console
from appliance.console.views import Moment
from appliance.provisioning.box.clock import ClockSettings, ClockView
from appliance.provisioning.box.names import NameSettings, NamesView

router = APIRouter(tags=["box"])


class ClockOut(ClockView):
    """The clock as it is."""

    now: Moment | None = None


class BoxOut(BaseModel):
    """What the box is called and what its clock shows."""

    names: NamesView
    clock: ClockOut


@router.get("/box")
async def box(request: Request, caller: DeviceManager) -> BoxOut:
    """The box's names, its time zone, and where its time comes from."""
    system = console(request).ports.system
    clock = await system.clock.view()
    return BoxOut(names=await system.names.view(), clock=ClockOut(**clock.model_dump()))


@router.put("/box/name")
async def rename(request: Request, caller: DeviceManager, body: NameSettings) -> NamesView:
    """Call the box something else; the page answers to that name at once."""
    return await console(request).ports.system.names.rename(caller.account.name, body)


@router.put("/box/clock")
async def set_clock(request: Request, caller: DeviceManager, body: ClockSettings) -> ClockOut:
    """Set time zone, time servers, or the time itself; a time without an offset is local."""
    clock = await console(request).ports.system.clock.set(caller.account.name, body)
    return ClockOut(**clock.model_dump())


@router.get("/box/time-zones")
async def time_zones(request: Request, caller: DeviceManager) -> list[str]:
    """The names of all time zones."""
    return await console(request).ports.system.clock.zones()
