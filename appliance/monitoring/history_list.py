"""The list of ended sessions: its rows, its pages, and the names that it can be filtered by."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from appliance.monitoring.history_query import HistoryQuery
from appliance.monitoring.history_rows import SessionRecord, find
from appliance.monitoring.query import search_text

START = ("", "")
"""The place before the first session."""

NAMES_OF = 10_000
"""So many sessions, the newest, are looked through for the names to filter by."""
MAX_NAMES = 1000
"""And so many are found of each kind, or of those on one call together."""

_COLUMNS = (
    "started_at, session_id, supervisor_as_written, interaction_id_as_written, supervisor, agent,"
    " agents, customer, queue, flow, direction, end_reason, length_s, barges, barged_s, mos, words"
)


@dataclass(frozen=True, slots=True)
class Names:
    """What sessions can be filtered by, sorted, for the page's drop-downs."""

    supervisors: tuple[str, ...]
    agents: tuple[str, ...]
    queues: tuple[str, ...]
    flows: tuple[str, ...]


def enlist(database: sqlite3.Connection, session_id: str) -> None:
    """Put a session that has ended on the list."""
    for record in find(database, "WHERE id = ? AND ended_at IS NOT NULL", session_id):
        row = _row(record)
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT OR REPLACE INTO session_list ({_COLUMNS}) VALUES ({marks})", row)  # noqa: S608


def _row(record: SessionRecord) -> tuple[object, ...]:
    call = record.interaction
    folded = (
        record.supervisor,
        call.agents[0].name if call.agents else "",
        "\n" + "".join(f"{agent.name}\n{agent.id}\n" for agent in call.agents),
        call.customer,
        call.queue,
        call.flow,
    )
    return (
        record.started_at.isoformat(),
        record.id,
        record.supervisor,
        call.id,
        *(text.casefold() for text in folded),
        call.direction,
        record.end_reason or "",
        record.length_s,
        len(record.barges),
        record.barged_s,
        record.sound.mos if record.sound else None,
        f"{record.supervisor.casefold()}\n{search_text(call)}",
    )


def pick(
    database: sqlite3.Connection, query: HistoryQuery, only: str | None
) -> tuple[list[SessionRecord], int]:
    """One page of what *query* asks for, and how many there are; *only* is whose may be seen."""
    where, values = query.where(only)
    before = (query.page - 1) * query.per_page
    chosen = database.execute(
        f"SELECT session_id FROM session_list WHERE {where} ORDER BY {query.order()}"  # noqa: S608
        " LIMIT ? OFFSET ?",
        (*values, query.per_page, before),
    ).fetchall()
    records = _records(database, [session_id for (session_id,) in chosen])
    is_last = len(chosen) < query.per_page
    if is_last and (chosen or not before):
        return records, before + len(chosen)  # without a second look through all
    (total,) = database.execute(
        f"SELECT count (*) FROM session_list WHERE {where}",  # noqa: S608
        values,
    ).fetchone()
    return records, total


def after(
    database: sqlite3.Connection,
    query: HistoryQuery,
    only: str | None,
    place: tuple[str, str],
    limit: int,
) -> tuple[list[SessionRecord], tuple[str, str]]:
    """Up to *limit* sessions that *query* lets through beyond *place*, oldest first, and the
    place of the last one.
    """
    where, values = query.where(only)
    chosen = database.execute(
        f"SELECT started_at, session_id FROM session_list WHERE {where}"  # noqa: S608
        " AND (started_at, session_id) > (?, ?) ORDER BY started_at, session_id LIMIT ?",
        (*values, *place, limit),
    ).fetchall()
    records = _records(database, [session_id for _, session_id in chosen])
    return records, chosen[-1] if chosen else place


def _records(database: sqlite3.Connection, ids: list[str]) -> list[SessionRecord]:
    """The sessions of these ids, in this order."""
    found: dict[str, SessionRecord] = {}
    if ids:
        marks = ", ".join("?" * len(ids))
        found = {record.id: record for record in find(database, f"WHERE id IN ({marks})", *ids)}
    return [found[session_id] for session_id in ids if session_id in found]


def names(database: sqlite3.Connection, only: str | None) -> Names:
    """The names in the newest sessions; of each the way in which it was written last."""
    found: list[dict[str, str]] = [{}, {}, {}, {}]
    for number, column in enumerate(("supervisor", "agents", "queue", "flow")):
        rows = database.execute(
            f"SELECT session_id, max (started_at) FROM (SELECT * FROM session_list"  # noqa: S608
            " WHERE ? IS NULL OR supervisor_as_written = ? ORDER BY started_at DESC LIMIT ?)"
            f" GROUP BY {column} ORDER BY 2 DESC LIMIT ?",
            (only, only, NAMES_OF, MAX_NAMES),
        ).fetchall()
        for record in _records(database, [session_id for session_id, _ in rows]):
            call = record.interaction
            texts = ([record.supervisor], [a.name for a in call.agents], [call.queue], [call.flow])
            for text in texts[number]:
                found[number].setdefault(text.casefold(), text)
    return Names(*(tuple(sorted(filter(None, n.values()), key=str.casefold)) for n in found))
