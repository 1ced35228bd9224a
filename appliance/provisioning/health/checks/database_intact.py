"""The database is whole."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import HOUR_S, Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.health.threads import in_thread
from appliance.provisioning.words import said

LIMIT_S = 20.0
STEPS = 10_000
"""SQLite's instructions between two looks at the clock."""


async def look(box: Box) -> list[Finding]:
    """SQLite's own quick check, read-only and beside everything else."""
    wrong = await in_thread(_wrong, box.database)
    if not wrong:
        return []
    advice = said(
        "Keep a copy of the file, then restore a backup, or move it away and restart control: "
        "the next start is a first start."
    )
    return [fault("database_damaged", said("The database is damaged: {what}.", what=wrong), advice)]


def _wrong(path: Path) -> str:
    begun = time.monotonic()
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as database:
            database.set_progress_handler(lambda: time.monotonic() - begun > LIMIT_S, STEPS)
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        damaged = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return str(error) if code in damaged else ""  # busy or too long: nobody knows
    return "" if verdict == "ok" else str(verdict)[:200]


CHECK = Check(
    "database_intact",
    ("database_damaged",),
    look,
    every_s=6 * HOUR_S,
    limit_s=LIMIT_S + 10,
    heavy=True,
)
