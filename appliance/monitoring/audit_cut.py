"""Which rows of the audit log are older than they are kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from appliance.monitoring.audit_rows import read_rows


@dataclass(frozen=True, slots=True)
class OldRows:
    """The log's first *rows* rows, up to row *seq* with its *hash*."""

    rows: int
    seq: int
    hash: str
    first_at: str
    last_at: str
    broken_at: int | None
    """The first of them that was not as it was written: what would be lost with it is told."""

    def told(self) -> dict[str, JsonValue]:
        """As the audit log tells of them."""
        return {
            "rows": self.rows,
            "through": self.seq,
            "hash": self.hash,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "broken_at": self.broken_at,
        }


LEAP, SETTLED = timedelta(days=60), timedelta(days=7)
"""So long without a row is a leap of the clock, or a box that was off; and believed after that."""


def old_rows(
    database: sqlite3.Connection, older_than: datetime, limit: int, previous: str
) -> OldRows | None:
    """The first rows, at most *limit*, up to the first that is not from before *older_than*; the
    very first is chained to *previous*.

    A clock that is wrong for a while removes nothing too early: a row that is too young keeps all
    that come after it, nothing goes while the log's newest row is as old, and nothing before a
    leap of the clock until the box has worked at the new time for a week.
    """
    text = older_than.astimezone(UTC).isoformat(timespec="milliseconds")
    newest = read_rows(database, "ORDER BY seq DESC LIMIT 1", (), odd="replace")
    if not newest or newest[0].at < text or _leapt(database, text, newest[0].at):
        return None
    rows = read_rows(database, "ORDER BY seq LIMIT ?", (limit,), odd="surrogateescape")
    old, broken_at = 0, None
    while old < len(rows) and rows[old].at < text:
        if broken_at is None and rows[old].expected_hash(previous) != rows[old].hash:
            broken_at = rows[old].seq
        previous = rows[old].hash
        old += 1
    if old == 0:
        return None
    first, last = rows[0], rows[old - 1]
    return OldRows(old, last.seq, last.hash, first.at, last.at, broken_at)


def _leapt(database: sqlite3.Connection, text: str, newest: str) -> bool:
    """Between the last old row and the first young one the clock leapt, a short while ago."""
    young = database.execute(
        "SELECT seq, at FROM audit WHERE at >= ? ORDER BY seq LIMIT 1", (text,)
    ).fetchone()
    before = database.execute(
        "SELECT at FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT 1", (young[0],)
    ).fetchone()
    if before is None:
        return False
    try:
        last, first, now = map(datetime.fromisoformat, (before[0], young[1], newest))
        return first - last > LEAP and now - first < SETTLED
    except (TypeError, ValueError):  # not as a box writes it: somebody ought to look first
        return True
