"""The database can be written."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from appliance.monitoring.store import StoreError
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import MINUTE_S, Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """Write a row, as every session does."""
    try:
        await box.store.write(_touch)
    except StoreError as error:
        words = said(
            "Nothing can be recorded, so joining and un-muting are refused. {why}",
            why=error.detail,
        )
        return [fault("database_unwritable", words, said("Free space, or restart the box."))]
    return []


def _touch(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO kv VALUES ('health_written', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (datetime.now(UTC).isoformat(timespec="seconds"),),
    )


CHECK = Check("database", ("database_unwritable",), look, every_s=5 * MINUTE_S)
