"""A small audit log, byte by byte: for hands that tamper with each of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from appliance.monitoring.audit import AuditRow, Entry
from appliance.monitoring.audit_rows import COLUMNS
from tests.support.audit_log import look_now, written

FLIPS = (0x01, 0x20, 0x80)
"""Another digit or letter, the other case, no UTF-8 any more."""
ROWS = 4


def small_log(database: Path) -> Path:
    """A log of which every kind of field has something, in a new *database*."""
    entries = [
        Entry("ann", "monitor", "5f2a", "call-7"),
        Entry("Ünal", "unmute", "5f2a", "call-7", {"audience": "agent", "via": "page"}),
        Entry("bargebox", "ended", "5f2a", "call-7", {"reason": "hung_up"}),
        Entry("eve", "sign_in_refused"),
    ]
    asyncio.run(written(database, *entries))
    assert look_now(database).rows == ROWS
    return database


def flipped(data: bytes) -> Iterator[bytes]:
    """*data* with each of its bytes changed, in several ways."""
    for place, byte in enumerate(data):
        for flip in FLIPS:
            yield data[:place] + bytes([byte ^ flip]) + data[place + 1 :]


def rows_of(database: Path) -> list[AuditRow]:
    """As they stand in the file."""
    with closing(sqlite3.connect(database)) as connection:
        return [
            AuditRow(*row)
            for row in connection.execute(f"SELECT {COLUMNS} FROM audit ORDER BY seq")  # noqa: S608
        ]
