"""The audit log, and its export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from appliance.console.access import AuditViewer
from appliance.console.ports import AuditLog
from appliance.console.record_views import AuditPage
from appliance.console.state import console
from appliance.console.views import now

router = APIRouter(tags=["records"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/audit")
async def audit(
    request: Request,
    caller: AuditViewer,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Limit = 100,
) -> AuditPage:
    """The audit log, newest first."""
    found = await console(request).ports.audit.search(before=before, limit=limit)
    return AuditPage(items=found.rows)


@router.get("/audit/export")
async def export(request: Request, caller: AuditViewer) -> StreamingResponse:
    """The whole log, oldest first, one JSON object a line; the last line is the signed head."""
    name = f"bargebox-audit-{now():%Y%m%dT%H%M%SZ}.ndjson"
    return StreamingResponse(
        _bytes(console(request).ports.audit),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _bytes(log: AuditLog) -> AsyncIterator[bytes]:
    async for lines in log.export():
        yield lines.encode("utf-8", "surrogateescape")
