"""What a row of the audit log is: its fields, its hash, and its line in an export."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from pydantic import JsonValue

GENESIS = "0" * 64
"""What the first row's hash is chained to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that someone did, to be written down."""

    actor: str
    action: str
    session_id: str | None = None
    interaction_id: str | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit log with the hash that chains it to the row before."""

    # These are the table's columns, and the API shows them as they are: a field that the hash
    # covers and the export lacks would make the chain uncheckable.
    seq: int
    at: str
    actor: str
    action: str
    session_id: str | None
    interaction_id: str | None
    detail: str
    hash: str

    def expected_hash(self, previous: str) -> str:
        """What ``hash`` must be after a row with the hash *previous*."""
        return row_hash(previous, _content(self))

    def line(self) -> str:
        """The row in an export, without the line's end."""
        return _compact(dict(zip(NAMES, (*_content(self), self.hash), strict=True)))


NAMES = tuple(column.name for column in fields(AuditRow))
COLUMNS = ", ".join(NAMES)
_content = attrgetter(*NAMES[:-1])
"""What the hash is over, as a tuple; ``astuple`` would copy each value, at ten times the cost."""
_OPTIONAL = {"session_id", "interaction_id"}

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""JSON that is the same for the same value: sorted keys, no spaces, text as it is."""


def row_hash(previous: str, content: tuple[object, ...]) -> str:
    """SHA-256 (FIPS 180-4) over the hash before and the canonical JSON of a row's other fields."""
    # Bytes that are no UTF-8 come from a damaged file only. They have to give some other hash.
    text = f"{previous}{canonical(content)}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()


def clean(text: str) -> str:
    """*text* without what UTF-8 cannot say: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode()


def is_row(values: Mapping[str, Any]) -> bool:
    """Whether these are a row's fields with their types; a damaged file can have any others."""
    return tuple(values) == NAMES and all(
        type(value) is int
        if name == "seq"
        else isinstance(value, str) or (value is None and name in _OPTIONAL)
        for name, value in values.items()
    )


def read_rows(
    database: sqlite3.Connection, clauses: str, values: tuple[object, ...], *, odd: str
) -> list[AuditRow]:
    """Rows that *clauses* (SQL) choose and order, damaged ones too; *odd* is what becomes of bytes
    that are no UTF-8 (an error handler's name). The connection is the caller's alone meanwhile.
    """
    usual = database.text_factory
    database.text_factory = lambda text: text.decode("utf-8", odd)
    try:
        found = database.execute(f"SELECT {COLUMNS} FROM audit {clauses}", values).fetchall()  # noqa: S608
    finally:
        database.text_factory = usual
    return [as_row(values) for values in found]


def as_row(values: tuple[Any, ...]) -> AuditRow:
    """A row to show or to export: where a damaged file has no text, there is some now."""
    told = dict(zip(NAMES, values, strict=True))
    if not is_row(told):
        for name, value in told.items():
            if name != "seq" and not isinstance(value, str):
                told[name] = None if value is None and name in _OPTIONAL else str(value)
    return AuditRow(**told)
