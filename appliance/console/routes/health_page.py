"""The page of the box's health."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from appliance.console.access import DeviceManager
from appliance.console.health_views import HealthOut
from appliance.console.language import in_their_words
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
    """The findings in the visitor's language; what others said in them stays as it is."""
    health = HealthOut.of(console(request).ports.health)
    told = [
        one.model_copy(
            update={
                "words": in_their_words(one.words),
                "suggestion": in_their_words(one.suggestion),
            }
        )
        for one in health.findings
    ]
    return {"health": health.model_copy(update={"findings": told})}
