"""Control does not begin again and again."""

from __future__ import annotations

import json
import logging
import sqlite3
import time

from appliance.monitoring.store import Store, StoreError
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import HOUR_S, Check, Fix
from appliance.provisioning.health.finding import Finding, warning
from appliance.provisioning.words import said

log = logging.getLogger(__name__)

OFTEN = 4
KEPT = 50
_KEY = "health_starts"


async def count_start(store: Store) -> None:
    """Remember that a life of the process begins; a disk that fails is told by its own check."""

    def work(database: sqlite3.Connection) -> None:
        _write(database, [*_starts(database), time.time()][-KEPT:])

    try:
        await store.write(work)
    except StoreError as error:
        log.warning("the start was not counted: %s", error.detail)


async def look(box: Box) -> list[Finding]:
    """How many lives began in the last hour, by the wall clock."""
    try:
        starts = await box.store.read(_starts)
    except (StoreError, ValueError):
        return []
    now = time.time()
    lately = sum(now - HOUR_S < start <= now for start in starts)
    if lately < OFTEN:
        return []
    words = said("The control process began {times} times within the last hour.", times=lately)
    advice = said(
        "Its log says why (“journalctl -u bargebox-control”); send it with a support bundle."
    )
    return [warning("control_restarts", words, advice)]


async def _forget(box: Box, _who: str) -> None:
    await box.store.write(lambda database: _write(database, []))


def _starts(database: sqlite3.Connection) -> list[float]:
    row = database.execute("SELECT value FROM kv WHERE key = ?", (_KEY,)).fetchone()
    return [float(start) for start in json.loads(row[0])] if row else []


def _write(database: sqlite3.Connection, starts: list[float]) -> None:
    database.execute(
        "INSERT INTO kv VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_KEY, json.dumps(starts)),
    )


CHECK = Check(
    "restarts",
    ("control_restarts",),
    look,
    {"control_restarts": Fix("Count anew", _forget)},
)
