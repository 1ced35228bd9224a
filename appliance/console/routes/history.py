"""History of monitoring sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from appliance.console.access import Viewer
from appliance.console.record_views import HistoryPage, SessionOut
from appliance.console.state import console
from appliance.monitoring.policy import Permission

router = APIRouter(tags=["records"])
Page = Annotated[int, Query(ge=1, le=100_000)]
PerPage = Annotated[int, Query(ge=1, le=200)]


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
