"""The page of the box's health."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from appliance.console.access import DeviceManager
from appliance.console.health_views import HealthOut
from appliance.console.page import page
from appliance.console.state import console

router = APIRouter(include_in_schema=False)


@router.get("/settings/health")
async def health(request: Request, caller: DeviceManager) -> HTMLResponse:
    """What is wrong, with what to do about it."""
    return page(request, caller, "health.html", _context(request))


@router.get("/settings/health/list")
async def findings(request: Request, caller: DeviceManager) -> HTMLResponse:
    """Only the findings, for the page to put in place."""
    return page(request, caller, "_findings.html", _context(request))


def _context(request: Request) -> dict[str, object]:
    return {"health": HealthOut.of(console(request).ports.health)}
