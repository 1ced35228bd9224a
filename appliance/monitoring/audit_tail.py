"""Where the audit log ends, by the database: its head, its last row, and the next row's place.

In the table ``kv`` is the signed head; while rows are being written, the bare last number and hash.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Final

from appliance.monitoring.audit_head import SignedHead, parsed
from appliance.monitoring.audit_rows import COLUMNS, GENESIS, Entry, canonical, clean, row_hash

_KEY: Final = "audit_head"


@dataclass(frozen=True, slots=True)
class Tail:
    """After what the next row comes, and after what the first one does."""

    seq: int
    hash: str
    cut: int = 0
    cut_hash: str = GENESIS

    @classmethod
    def of(cls, head: SignedHead) -> Tail:
        """As *head* has it."""
        return cls(head.seq, head.hash, head.cut, head.cut_hash)


def head_in(database: sqlite3.Connection) -> SignedHead | None:
    """The signed head in the database, by whatever key; None where there is none."""
    return parsed(kept(database))


def kept(database: sqlite3.Connection) -> str:
    """The text of the head in the database, whatever it is."""
    # As bytes, here and below: what a damaged file holds instead of text must be told, not fail.
    row = database.execute("SELECT CAST (value AS BLOB) FROM kv WHERE key = ?", (_KEY,)).fetchone()
    return (row[0] or b"").decode("utf-8", "replace") if row else ""


def keep(database: sqlite3.Connection, value: str) -> None:
    """What `kept` reads."""
    database.execute(
        "INSERT INTO kv VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_KEY, value),
    )


def last_row(database: sqlite3.Connection, tail: Tail) -> tuple[int, str]:
    """Number and hash of the table's last row; where it is empty, of what was cut last."""
    row = database.execute(
        "SELECT seq, CAST (hash AS BLOB) FROM audit ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return tail.cut, tail.cut_hash
    return row[0], (row[1] or b"").decode("utf-8", "replace")


def read_tail(database: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the last row, between `Seal.begin` and `Seal.finish` only."""
    found = plain_tail(kept(database))
    if found is None:
        raise RuntimeError("audit rows are inserted in Audit.append's transaction only")
    return found


def write_tail(database: sqlite3.Connection, seq: int, last: str) -> None:
    """What `read_tail` reads."""
    keep(database, json.dumps([seq, last]))


def plain_tail(text: str) -> tuple[int, str] | None:
    """The bare number and hash that *text* is, if it is."""
    try:
        seq, last = json.loads(text)
        return int(seq), str(last)
    except (ValueError, TypeError):
        return None


def insert(database: sqlite3.Connection, entries: list[Entry]) -> None:
    """Append *entries* inside the transaction of `Audit.append`: in its *also*, nowhere else."""
    seq, previous = read_tail(database)
    for entry in entries:
        seq += 1
        content = (
            seq,
            entry.at.isoformat(timespec="milliseconds"),
            clean(entry.actor),
            clean(entry.action),
            None if entry.session_id is None else clean(entry.session_id),
            None if entry.interaction_id is None else clean(entry.interaction_id),
            clean(canonical(dict(entry.detail))),
        )
        previous = row_hash(previous, content)
        database.execute(
            f"INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*content, previous),
        )
    write_tail(database, seq, previous)
