"""For programs: is the box alive, its figures for Prometheus, and what this API has."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from appliance.console.access import PUBLIC, DeviceManager, SignedIn
from appliance.console.box_metrics import Process, box_metrics, log_metrics
from appliance.console.metrics import prometheus
from appliance.console.openapi import described
from appliance.console.state import Console, console

router = APIRouter(tags=["service"])
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", dependencies=[PUBLIC])
async def healthz() -> dict[str, str]:
    """The loop turns and answers; no more is said without a sign-in."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, caller: DeviceManager) -> PlainTextResponse:
    """Prometheus text."""
    return PlainTextResponse(await figures(console(request)), media_type=TEXT)


async def figures(state: Console) -> str:
    """All of them, in Prometheus' words."""
    ports = state.ports
    text = prometheus(
        state.counters,
        view=ports.monitoring.current(),
        device=ports.monitoring.device(),
        active=len(ports.book.active),
        platform_connected=ports.book.connection.connected,
        certificate_expires_s=ports.certificates.expires_s() if state.settings.secure else None,
    )
    process = await asyncio.to_thread(Process.now)
    box = box_metrics(ports.health, ports.choice.now.settings.driver, process)
    return text + box + log_metrics(ports.logs.state)


@router.get("/api/v1/openapi.json", responses={200: {"model": dict[str, Any]}})
async def openapi(request: Request, caller: SignedIn) -> Response:
    """The description of this API (OpenAPI 3.1); the same on every box."""
    text = await asyncio.to_thread(described, request.app)
    return Response(text, media_type="application/json")
