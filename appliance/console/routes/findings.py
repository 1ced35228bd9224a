"""The box's health: what is wrong, what to do about it, and what the box can mend by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from appliance.console.access import DeviceManager
from appliance.console.health_views import HealthOut
from appliance.console.state import console

router = APIRouter(tags=["health"])

Code = Annotated[
    str, Path(min_length=1, max_length=64, pattern="^[a-z0-9_]+$", examples=["control_restarts"])
]


@router.get("/health")
async def health(request: Request, caller: DeviceManager) -> HealthOut:
    """What is wrong with the box, the worst first."""
    return HealthOut.of(console(request).ports.health)


@router.post("/health/check")
async def look(request: Request, caller: DeviceManager) -> HealthOut:
    """Look at everything now. The whole audit log and database are looked at soon after."""
    monitor = console(request).ports.health
    await monitor.look()
    return HealthOut.of(monitor)


@router.post("/health/{code}/fix")
async def fix(request: Request, caller: DeviceManager, code: Code) -> HealthOut:
    """Have the box mend what it can; on record. 404 when it is not wrong, 409 without a fix."""
    monitor = console(request).ports.health
    await monitor.mend(code, caller.account.name)
    return HealthOut.of(monitor)
