"""History of monitoring sessions, the audit log, and its export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter

from appliance.console.access import AuditViewer, Viewer
from appliance.console.ports import AuditLog
from appliance.console.record_views import AuditPage, HistoryPage, SessionOut
from appliance.console.state import console
from appliance.console.views import now
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.policy import Permission

router = APIRouter(tags=["records"])
Page = Annotated[int, Query(ge=1, le=100_000)]
PerPage = Annotated[int, Query(ge=1, le=200)]

_row: TypeAdapter[AuditRow] = TypeAdapter(AuditRow)


@router.get("/history")
async def history(
    request: Request, caller: Viewer, page: Page = 1, per_page: PerPage = 50
) -> HistoryPage:
    """Sessions that ended: all of them for those who may view them, else one's own."""
    sees_all = caller.may(Permission.VIEW_ALL_MONITORED_CALLS)
    records, total = await console(request).ports.history.page(
        supervisor=None if sees_all else caller.account.name, page=page, per_page=per_page
    )
    return HistoryPage(items=[SessionOut.of(record) for record in records], total=total)


@router.get("/audit")
async def audit(
    request: Request,
    caller: AuditViewer,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: PerPage = 100,
) -> AuditPage:
    """The audit log, newest first."""
    rows = await console(request).ports.audit.latest(before=before, limit=limit)
    return AuditPage(items=rows)


@router.get("/audit/export")
async def export(request: Request, caller: AuditViewer) -> StreamingResponse:
    """The whole log, oldest first, one JSON object a line, with its hashes."""
    name = f"bargebox-audit-{now():%Y%m%dT%H%M%SZ}.ndjson"
    return StreamingResponse(
        _lines(console(request).ports.audit),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _lines(log: AuditLog) -> AsyncIterator[bytes]:
    async for row in log.export():
        yield _row.dump_json(row) + b"\n"
