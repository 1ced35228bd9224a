"""For programs: is the box alive, its figures for Prometheus, and what this API has."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from appliance.console.access import PUBLIC, DeviceManager, SignedIn
from appliance.console.metrics import prometheus
from appliance.console.openapi import describe
from appliance.console.state import console
from appliance.monitoring.query import Query

router = APIRouter(tags=["service"])
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", dependencies=[PUBLIC])
async def healthz() -> dict[str, str]:
    """The loop turns and answers; no more is said without a sign-in."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, caller: DeviceManager) -> PlainTextResponse:
    """Prometheus text."""
    state = console(request)
    ports = state.ports
    active = ports.book.query(caller.account, Query(per_page=1), remember=False).total
    text = prometheus(
        state.counters,
        view=ports.monitoring.current(),
        device=ports.monitoring.device(),
        active=active,
        platform_connected=ports.book.connection.connected,
        certificate_expires_s=ports.certificates.expires_s() if state.settings.secure else None,
    )
    return PlainTextResponse(text, media_type=TEXT)


@router.get("/api/v1/openapi.json")
async def openapi(request: Request, caller: SignedIn) -> dict[str, Any]:
    """The description of this API (OpenAPI 3.1); the same on every box."""
    return await asyncio.to_thread(describe, request.app)
