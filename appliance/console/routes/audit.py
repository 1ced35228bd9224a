"""The audit log: search, export, and whether it is whole; in JSON and as a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import Field

from appliance.console.access import AuditViewer
from appliance.console.audit_views import MAX_ROWS, AuditFilter, AuditPage, AuditStateOut, RowView
from appliance.console.audit_wording import ACTIONS
from appliance.console.page import ROWS, page
from appliance.console.ports.records import AuditLog
from appliance.console.state import console
from appliance.console.views import now
from appliance.monitoring.audit import Entry

router = APIRouter(tags=["audit"])
pages = APIRouter(include_in_schema=False)


@router.get("/audit")
async def audit(
    request: Request, caller: AuditViewer, asked: Annotated[AuditFilter, Query()]
) -> AuditPage:
    """The audit log, newest first; all that is given has to fit."""
    log = console(request).ports.audit
    return AuditPage.of(await log.search(asked.query(), before=asked.before, limit=asked.limit))


@router.get("/audit/state")
async def state(request: Request, caller: AuditViewer) -> AuditStateOut:
    """Where the log ends, signed, and what the last check found."""
    log = console(request).ports.audit
    return AuditStateOut.of(await log.head(), log.checked)


@router.post("/audit/check")
async def check(request: Request, caller: AuditViewer) -> AuditStateOut:
    """Check the whole log now; or wait for the check that runs already."""
    log = console(request).ports.audit
    checked = await log.check()
    return AuditStateOut.of(await log.head(), checked)


class Lines(StreamingResponse):
    """One JSON object a line."""

    media_type = "application/x-ndjson"


@router.get("/audit/export", response_class=Lines)
async def export(request: Request, caller: AuditViewer) -> Lines:
    """The whole log, oldest first, one JSON object a line; the last line is the signed head.

    That somebody exports is on record first, and in the export.
    """
    log = console(request).ports.audit
    await log.append(Entry(caller.account.name, "audit_exported"))
    name = f"bargebox-audit-{now():%Y%m%dT%H%M%SZ}.ndjson"
    return Lines(
        _bytes(log),
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _bytes(log: AuditLog) -> AsyncIterator[bytes]:
    async for lines in log.export():
        yield lines.encode("utf-8", "surrogateescape")
        await asyncio.sleep(0)  # a fast reader leaves the others their turn


class Asked(AuditFilter):
    """As the API takes it, with the page's own number of rows."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = ROWS


@pages.get("/audit")
async def audit_page(
    request: Request, caller: AuditViewer, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """The log for people."""
    log = console(request).ports.audit
    found = await log.search(asked.query(), before=asked.before, limit=asked.limit)
    told = asked.told()
    context = {
        "asked": told,
        "filtered": bool(told.keys() - {"limit"}),
        "before": asked.before,
        "rows": [RowView.of(row) for row in found.rows],
        "older": found.before and f"/audit?{urlencode(told | {'before': str(found.before)})}",
        "newest": f"/audit?{urlencode(told)}" if told else "/audit",
        "actions": sorted(ACTIONS.items(), key=lambda item: item[1].casefold()),
        "state": AuditStateOut.of(await log.head(), log.checked),
    }
    return page(request, caller, "audit.html", context)
