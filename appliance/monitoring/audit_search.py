"""Looks for rows of the audit log, newest first, a stretch of the log at a time."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from appliance.monitoring.audit_rows import AuditRow, read_rows
from appliance.monitoring.store import Store

STRETCH = 20_000
"""Rows looked at in one go, so that other readers of the database wait for milliseconds."""
LIMIT_S = 3.0
"""After this long a search ends with what it has; it can be continued."""
MAX_NUMBER = 2**62
"""Above every row's, and still a number that SQLite takes."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that a row has to contain somewhere, or else one of *actions* as its action."""

    text: str
    actions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows: all that is given has to fit. ``since`` is included, ``until`` is not."""

    actor: str | None = None
    action: str | None = None
    session_id: str | None = None
    interaction_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: tuple[Word, ...] = ()


EVERYTHING = AuditQuery()


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, newest first; ``before`` leads to older ones, and is None where there are none."""

    rows: list[AuditRow]
    before: int | None


async def search(store: Store, query: AuditQuery, before: int | None, limit: int) -> Found:
    """Up to *limit* rows with numbers below *before*, newest first. Raises `StoreError`."""
    give_up, rows = monotonic() + LIMIT_S, list[AuditRow]()
    below: int | None = min(before or MAX_NUMBER, MAX_NUMBER)
    # An index leads to the rows of a session or a call; all else is looked at stretch by stretch.
    stretch = MAX_NUMBER if query.session_id or query.interaction_id else STRETCH
    while below is not None and len(rows) < limit and monotonic() < give_up:
        asked = partial(_stretch, query, below, stretch, limit - len(rows))
        more, below = await store.read(asked)
        rows += more
    return Found(rows, below)


def _stretch(
    query: AuditQuery, before: int, stretch: int, limit: int, database: sqlite3.Connection
) -> tuple[list[AuditRow], int | None]:
    """The rows of one stretch, and where the next one begins."""
    top, least = database.execute(
        "SELECT (SELECT max (seq) FROM audit WHERE seq < ?), (SELECT min (seq) FROM audit)",
        (before,),
    ).fetchone()
    if top is None:
        return [], None
    floor = max(least, top - stretch + 1)
    where, values = _conditions(query)
    clauses = f"WHERE seq BETWEEN ? AND ?{where} ORDER BY seq DESC LIMIT ?"
    rows = read_rows(database, clauses, (floor, top, *values, limit), odd="replace")
    if len(rows) == limit:
        floor = rows[-1].seq
    return rows, floor if floor > least else None


def _conditions(query: AuditQuery) -> tuple[str, list[object]]:
    """What follows the first condition, and the values for its marks."""
    told: list[tuple[str, object]] = [
        (f"{name} = ?{rule}", getattr(query, name))
        for name, rule in _EXACT
        if getattr(query, name) is not None
    ]
    if query.since is not None:
        told.append(("at >= ?", _at(query.since)))
    if query.until is not None:
        told.append(("at < ?", _at(query.until)))
    text, values = "".join(f" AND {sql}" for sql, _ in told), [value for _, value in told]
    for word in query.words:
        # LIKE knows upper and lower case of ASCII only.
        spellings = sorted({word.text, word.text.lower(), word.text.upper(), word.text.title()})
        tests = [f"{_TEXT} LIKE ? ESCAPE '\\'" for _ in spellings]
        values += [f"%{_escaped(spelling)}%" for spelling in spellings]
        if word.actions:
            tests.append(f"action IN ({', '.join('?' * len(word.actions))})")
            values += sorted(word.actions)
        text += f" AND ({' OR '.join(tests)})"
    return text, values


_EXACT = (
    ("actor", " COLLATE NOCASE"),  # as accounts have their names
    ("action", ""),
    ("session_id", ""),
    ("interaction_id", ""),
)
_TEXT = (
    "(actor || char (10) || action || char (10) || coalesce (session_id, '') || char (10)"
    " || coalesce (interaction_id, '') || char (10) || detail)"
)


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _at(moment: datetime) -> str:
    """As the rows have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
