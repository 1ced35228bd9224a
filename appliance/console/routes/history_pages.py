"""The pages of history: the list of sessions that ended, and one of them with its picture."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from appliance.console import wording
from appliance.console.access import Caller, Viewer
from appliance.console.language import later, translated
from appliance.console.page import ROWS, page
from appliance.console.record_views import SessionOut
from appliance.console.routes.history import (
    MAX_PER_PAGE,
    HistoryListQuery,
    Id,
    only_of,
    session_for,
    sessions_for,
)
from appliance.console.state import console
from appliance.console.timeline import timeline
from appliance.monitoring.reasons import WORDS

router = APIRouter(include_in_schema=False)

COLUMNS = (
    ("started_at", later("Began")),
    ("length", later("Length")),
    ("supervisor", later("Supervisor")),
    ("agent", later("Agent")),
    ("customer", later("Customer")),
    ("queue", later("Queue")),
    ("direction", later("Direction")),
    ("barged", later("Barged in")),
    ("end_reason", later("End")),
    ("mos", later("Sound")),
)


class Asked(HistoryListQuery):
    """As the API takes it, with a page's own number of rows."""

    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = ROWS


@router.get("/history")
async def history(
    request: Request, caller: Viewer, query: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Previously monitored sessions."""
    only = only_of(caller)
    names = await console(request).ports.history.names(only=only)
    kinds = [
        ("supervisor", later("Supervisor"), names.supervisors),
        ("agent", later("Agent"), names.agents),
        ("queue", later("Queue"), names.queues),
        ("flow", later("Flow"), names.flows),
    ]
    context = await _list(request, caller, query) | {
        "names": kinds if only is None else kinds[1:],
        "endings": wording.ENDINGS,
    }
    return page(request, caller, "history.html", context)


@router.get("/history/list")
async def history_list(
    request: Request, caller: Viewer, query: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Only the list, for the page to put in place."""
    context = await _list(request, caller, query)
    return page(request, caller, "_history_list.html", context)


@router.get("/history/{session_id}")
async def session(request: Request, caller: Viewer, session_id: Id) -> HTMLResponse:
    """One session, with its picture."""
    record, curve = await session_for(console(request), caller, session_id)
    row = SessionOut.of(record)
    context = {
        "row": row,
        "facts": _facts(row),
        "timeline": timeline(record, curve),
        "lanes": wording.LANES,
    }
    return page(request, caller, "history_session.html", context)


async def _list(request: Request, caller: Caller, query: Asked) -> dict[str, Any]:
    state = console(request)
    answer = await sessions_for(state, caller, query)
    pages = max(1, -(-answer.total // query.per_page))
    if query.page > pages:
        query = query.model_copy(update={"page": pages})
        answer = await sessions_for(state, caller, query)
    filters = query.as_asked("sort", "page", "per_page")
    asked = urlencode(query.as_asked())
    return {
        "address": f"/history?{asked}" if asked else "/history",
        "query": query,
        "rows": answer.items,
        "total": answer.total,
        "pages": pages,
        "columns": COLUMNS,
        "sorted_by": dict(COLUMNS).get(query.sort.removeprefix("-"), "Flow"),
        "export": urlencode(filters | {"format": ""}),
    }


def _facts(row: SessionOut) -> list[tuple[str, str]]:
    """What there is to know of a session, by name."""
    call, reason, sound = row.interaction, row.end_reason, row.sound
    heard = (
        f"{len(row.barges)} ×, {wording.clock(row.barged_s)}"
        if row.barges
        else translated(later("no"))
    )
    end = translated(wording.ending(reason))
    if reason is None or row.end_detail != WORDS[reason]:
        end = f"{end}: {translated(row.end_detail)}"
    facts = [
        (later("Supervisor"), row.supervisor),
        (later("Agent"), ", ".join(agent.name for agent in call.agents)),
        (later("Customer"), call.customer),
        (later("Contact point"), call.contact_point),
        (later("Queue"), call.queue),
        (later("Flow"), call.flow),
        (later("Direction"), translated(call.direction.capitalize())),
        (later("Platform"), wording.platform(row.platform)),
        (later("Length"), wording.clock(row.length_s)),
        (later("Barged in"), heard),
        (later("End"), end),
    ]
    if row.reason:
        facts.append(("Reason", row.reason))
    if sound is not None:
        facts += [
            (later("MOS, mean and worst"), f"{_figure(sound.mos)}, {_figure(sound.mos_worst)}"),
            (later("Packets lost"), _percent(sound.lost_percent)),
            (later("Made up by the box"), _percent(sound.concealed_percent)),
            (later("Delay"), "" if sound.delay_ms is None else f"{sound.delay_ms:.0f} ms"),
        ]
    return facts


def _figure(value: float | None) -> str:
    return "–" if value is None else wording.decimal(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{wording.decimal(value)} %"
