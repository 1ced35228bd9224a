"""History of monitoring sessions: their list, one of them, and the export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi import Query as Parameters
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from appliance.console import history_csv
from appliance.console.access import Caller, Viewer
from appliance.console.record_views import CurveOut, HistoryPage, SessionDetailOut, SessionOut
from appliance.console.settings import ConsoleError
from appliance.console.state import Console, console
from appliance.console.views import now
from appliance.control_link.words import EndReason
from appliance.monitoring.audit import Entry
from appliance.monitoring.curve import Curve
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.history_query import SORTS, HistoryQuery
from appliance.monitoring.policy import Permission
from appliance.monitoring.query import MAX_TEXT

router = APIRouter(tags=["records"])

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Id = Annotated[str, Path(min_length=1, max_length=200)]
At = Annotated[datetime | None, BeforeValidator(lambda text: text or None)]
SORT = f"^-?({'|'.join(SORTS)})$"
CHUNK = 64 * 1024
MAX_PER_PAGE = 200


class Filters(BaseModel):
    """Which sessions; those that began ``from`` (RFC 3339) on and before ``to``."""

    model_config = ConfigDict(extra="forbid")
    search: Text = ""
    supervisor: Text = ""
    agent: Text = ""
    queue: Text = ""
    flow: Text = ""
    direction: Literal["", "inbound", "outbound"] = ""
    interaction: Text = ""
    end_reason: EndReason | Literal[""] = ""
    barged: Literal["all", "yes", "no"] = "all"
    since: At = Field(None, alias="from")
    until: At = Field(None, alias="to")

    def for_history(self) -> HistoryQuery:
        """The same as history takes it."""
        return HistoryQuery(**self.model_dump(exclude={"format"}))

    def as_asked(self, *also_not: str) -> dict[str, Any]:
        """What was asked for, without what is as it always is."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude=set(also_not)
        )


class HistoryListQuery(Filters):
    """Filters, order and page; ``sort`` is a column, with ``-`` before it for descending."""

    sort: Annotated[str, Field(pattern=SORT)] = "-started_at"
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = 50


class ExportQuery(Filters):
    """Filters, and which kind of file."""

    format: Literal["csv", "json"] = "csv"


@router.get("/history")
async def history(
    request: Request, caller: Viewer, query: Annotated[HistoryListQuery, Parameters()]
) -> HistoryPage:
    """Sessions that ended: all of them for those who may view them, else one's own."""
    return await sessions_for(console(request), caller, query)


@router.get("/history/export")
async def export(
    request: Request, caller: Viewer, query: Annotated[ExportQuery, Parameters()]
) -> StreamingResponse:
    """The same as a file, all pages of it, oldest first; each export is in the audit log."""
    ports = console(request).ports
    detail = {"format": query.format, "filters": query.as_asked("format")}
    await ports.audit.append(Entry(caller.account.name, "history_exported", detail=detail))
    records = ports.history.export(query.for_history(), only=only_of(caller))
    # Before the answer begins: a database that fails is told in words.
    first = await anext(records, None)
    lines = (_csv if query.format == "csv" else _json)(first, records)
    name = f"bargebox-history-{now():%Y%m%dT%H%M%SZ}.{query.format}"
    kinds = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
    return StreamingResponse(
        _chunks(lines),
        media_type=kinds[query.format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/history/{session_id}")
async def one_session(request: Request, caller: Viewer, session_id: Id) -> SessionDetailOut:
    """One session that ended, with how it sounded over its time."""
    record, curve = await session_for(console(request), caller, session_id)
    out = SessionDetailOut.of(record)
    return out.model_copy(update={"curve": CurveOut.of(curve) if curve is not None else None})


async def sessions_for(state: Console, caller: Caller, query: HistoryListQuery) -> HistoryPage:
    """The answer that both the API and the page give."""
    records, total = await state.ports.history.pick(query.for_history(), only=only_of(caller))
    return HistoryPage(items=[SessionOut.of(record) for record in records], total=total)


async def session_for(
    state: Console, caller: Caller, session_id: str
) -> tuple[SessionRecord, Curve | None]:
    """A session that has ended and that *caller* may know of. Raises ConsoleError 404."""
    record = await state.ports.history.get(session_id)
    only = only_of(caller)
    if record is None or record.ended_at is None or only not in (None, record.supervisor):
        raise ConsoleError(404, "not_found", "There is no such session, or it has not ended yet.")
    return record, await state.ports.history.curve(session_id)


def only_of(caller: Caller) -> str | None:
    """Whose sessions *caller* may see: None for everybody's."""
    return None if caller.may(Permission.VIEW_ALL_MONITORED_CALLS) else caller.account.name


async def _csv(
    first: SessionRecord | None, records: AsyncIterator[SessionRecord]
) -> AsyncIterator[str]:
    yield history_csv.head()
    if first is not None:
        yield history_csv.session(SessionOut.of(first))
    async for record in records:
        yield history_csv.session(SessionOut.of(record))


async def _json(
    first: SessionRecord | None, records: AsyncIterator[SessionRecord]
) -> AsyncIterator[str]:
    yield "["
    if first is not None:
        yield f"\n{SessionOut.of(first).model_dump_json()}"
    async for record in records:
        yield f",\n{SessionOut.of(record).model_dump_json()}"
    yield "\n]\n"


async def _chunks(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """The lines, many at once."""
    held, size = [], 0
    async for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()
