"""The pages of the box's network, and of its name and clock."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from appliance.console.access import AccountManager, DeviceManager
from appliance.console.page import page
from appliance.console.routes.site_settings import device_too
from appliance.console.state import Console, console
from appliance.console.system_forms import SHOWN, clock_form, name_form, site_form, wired_form
from appliance.console.wording import DEVICE_KINDS, DEVICE_STATES
from appliance.provisioning.network.views import DeviceView

router = APIRouter(include_in_schema=False)


@router.get("/settings/network")
async def network(request: Request, caller: DeviceManager, device: str = "") -> HTMLResponse:
    """The network's devices, and the settings of one."""
    context = await network_context(console(request), device)
    return page(request, caller, "network.html", context)


async def network_context(state: Console, device: str) -> dict[str, Any]:
    """What the network's form shows, of the wired *device* of that name if there is one."""
    view = await state.ports.system.network.view()
    chosen = _chosen(view.devices, device)
    return {
        "network": view,
        "chosen": chosen,
        "form": wired_form(chosen) if chosen else [],
        "shown": SHOWN,
        "states": DEVICE_STATES,
        "kinds": DEVICE_KINDS,
    }


@router.get("/settings/box")
async def box(request: Request, caller: DeviceManager) -> HTMLResponse:
    """The box's names, its time zone, and where its time comes from."""
    context = await box_context(console(request)) | {"zone_only": False}
    return page(request, caller, "box.html", context)


async def box_context(state: Console) -> dict[str, Any]:
    """What the forms of name and clock show."""
    system = state.ports.system
    names, clock = await system.names.view(), await system.clock.view()
    return {
        "names": names,
        "name_form": name_form(names.model_dump()),
        "clock": clock,
        "clock_form": clock_form(clock.model_dump()),
        "zones": await system.clock.zones() if clock.managed else [],
        "shown": SHOWN,
    }


@router.get("/settings/site")
async def site(request: Request, caller: DeviceManager, saved: bool = False) -> HTMLResponse:
    """What the site asks for around each call, which headset and board."""
    ports = console(request).ports
    chosen, headsets = await ports.site.chosen(), await ports.monitoring.headsets()
    context = {
        "form": site_form(chosen, headsets, await ports.site.boards()),
        "shown": SHOWN,
        "saved": saved,
    }
    return page(request, caller, "site.html", context)


@router.get("/settings/backup")
async def backup(request: Request, caller: AccountManager, saved: bool = False) -> HTMLResponse:
    """Export and import of the whole box, and what became of the last document."""
    device_too(request, caller)
    report = await console(request).ports.site.report()
    return page(request, caller, "backup.html", {"report": report, "saved": saved})


def _chosen(devices: list[DeviceView], name: str) -> DeviceView | None:
    """The wired device of that name, else the first that is connected, else the first."""
    wired = [device for device in devices if device.kind == "wired"]
    best = sorted(wired, key=lambda device: (device.name != name, device.state != "connected"))
    return best[0] if best else None
