"""The whole box, with what years have left in its database."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from appliance.demo.world import Options, World
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.store import Store
from appliance.provisioning.first_start import rows
from tests.support.past_sessions import past, write_past

AT_ONCE = 4000


@dataclass(frozen=True, slots=True)
class Years:
    """How much there is."""

    sessions: int
    with_curves: int
    """The newest ones have their picture."""
    audit_rows: int
    first_start: bool = False
    """It is not in service yet."""


class FilledWorld(World):
    """Its database is full before the box begins."""

    def __init__(self, folder: Path, options: Options, years: Years) -> None:
        super().__init__(folder, options)
        self._years = years

    async def prepare(self) -> None:
        """Accounts first, and then the rest."""
        await super().prepare()
        database = self.state_dir / "bargebox.sqlite3"
        await asyncio.to_thread(_fill_history, database, self._years)
        if self._years.first_start:
            await asyncio.to_thread(_begin_first_start, database)
        await fill_audit(database, self._years.audit_rows)


def _fill_history(path: Path, years: Years) -> None:
    with sqlite3.connect(path) as database:
        few = years.sessions - years.with_curves
        write_past(database, map(past, range(few)), curves=False)
        write_past(database, map(past, range(few, years.sessions)))
    database.close()


def _begin_first_start(path: Path) -> None:
    with sqlite3.connect(path) as database:
        rows.begin(database)
    database.close()


async def fill_audit(database: Path, rows: int) -> None:
    """Write so many, as a busy box does: four a call."""
    store = await Store.open(database)
    audit = Audit(store)
    for first in range(0, rows, AT_ONCE):
        last = min(rows, first + AT_ONCE)
        await audit.append(*(audit_entry(number) for number in range(first, last)))
    await store.close()


def audit_entry(number: int) -> Entry:
    """The row of that number."""
    who = f"supervisor {number % 37}"
    session, call = f"{number // 4:032x}", f"call-{number // 4:09}"
    action, detail = (
        ("monitor", {}),
        ("unmute", {"audience": "agent", "via": "page"}),
        ("mute", {"cause": "button"}),
        ("ended", {"reason": "customer_ended"}),
    )[number % 4]
    return Entry(who, action, session, call, dict(detail))
