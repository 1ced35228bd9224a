"""Is the box alive (for anybody), and its figures (for Prometheus)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from appliance.console.access import PUBLIC, Caller, Requires
from appliance.console.metrics import prometheus
from appliance.console.state import console
from appliance.monitoring.policy import Permission
from appliance.monitoring.query import Query

router = APIRouter(tags=["health"])
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", dependencies=[PUBLIC])
async def healthz() -> dict[str, str]:
    """The loop turns and answers; no more is said without a sign-in."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(
    request: Request, caller: Annotated[Caller, Depends(Requires(Permission.MANAGE_DEVICE))]
) -> PlainTextResponse:
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


@router.get("/api/v1/openapi.json", dependencies=[PUBLIC], include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """The description of this API; the same on every box."""
    schema: dict[str, Any] = request.app.openapi()
    return JSONResponse(schema)
