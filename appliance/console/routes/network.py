"""The box's wired network: how it is, and changing it without being cut off."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from appliance.console.access import DeviceManager
from appliance.console.state import console
from appliance.provisioning.network.views import NetworkView
from appliance.provisioning.network.wired import Wired

router = APIRouter(tags=["network"])

Device = Annotated[str, Path(min_length=1, max_length=15, pattern=r"^[A-Za-z0-9_.-]+$")]


@router.get("/network")
async def network(request: Request, caller: DeviceManager) -> NetworkView:
    """Devices, their addresses and settings, and the change that waits to be confirmed."""
    return await console(request).ports.system.network.view()


@router.put("/network/{device}")
async def change(
    request: Request, caller: DeviceManager, device: Device, body: Wired
) -> NetworkView:
    """Use these settings on a wired device. They come into force half a second later.

    They are undone unless they are confirmed in time, from wherever the box is found then; where
    the device has no connection they are saved at once. A secret or certificate that is left out
    stays as it is. 409 in a call, and while another change waits.
    """
    return await console(request).ports.system.network.change(caller.account.name, device, body)


@router.post("/network/confirm")
async def confirm(request: Request, caller: DeviceManager) -> NetworkView:
    """Keep the change that waits. 409 when it has been undone already."""
    return await console(request).ports.system.network.confirm(caller.account.name)


@router.delete("/network/pending")
async def discard(request: Request, caller: DeviceManager) -> NetworkView:
    """Undo the change that waits, at once. 409 in a call."""
    return await console(request).ports.system.network.discard(caller.account.name)
