"""An audit log in a file, and hands that tamper with it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.audit_check import Verdict
from appliance.monitoring.audit_files import check_database, check_export
from appliance.monitoring.audit_head import public_key
from appliance.monitoring.audit_seal import read_key
from appliance.monitoring.store import Store

UNGUARDED = (
    "DROP TRIGGER IF EXISTS audit_is_never_changed; DROP TRIGGER IF EXISTS audit_is_never_cut;"
    " DROP TRIGGER IF EXISTS audit_is_never_replaced;"
)


async def written(database: Path, *entries: Entry) -> None:
    """One life of the box, in which *entries* came to the log one by one."""
    store = await Store.open(database)
    audit = Audit(store)
    for entry in entries:
        await audit.append(entry)
    await store.close()


async def exported(database: Path, to: Path) -> Path:
    """The log of *database*, exported."""
    store = await Store.open(database)
    to.write_text("".join([part async for part in Audit(store).export()]))
    await store.close()
    return to


def edit(database: Path, script: str) -> None:
    """Whoever can write the file can do without the triggers."""
    connection = sqlite3.connect(database)
    connection.executescript(UNGUARDED + script)
    connection.close()


async def look(database: Path) -> Verdict:
    """The check, as the box does it."""
    return await asyncio.to_thread(look_now, database)


def look_now(database: Path) -> Verdict:
    """The same, where no loop runs."""
    return check_database(database, public_key(read_key(database)))


async def look_at_export(file: Path) -> Verdict:
    """The check of an export alone."""
    return await asyncio.to_thread(check_export, file)


def told(verdict: Verdict) -> list[tuple[int | None, str]]:
    """The faults, shortly."""
    return [(fault.seq, fault.words) for fault in verdict.faults]
