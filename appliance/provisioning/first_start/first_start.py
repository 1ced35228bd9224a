"""How far the first start is: kept over restarts, each step on record. It verifies nothing itself:
a person at the page does with `guide`, and what else sets a box up says what it verified.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol

from appliance.monitoring.audit import Entry
from appliance.monitoring.store import Store
from appliance.provisioning.first_start import rows
from appliance.provisioning.first_start.steps import NEEDED, Overview, State, Step
from appliance.service.errors import BargeboxError


class FirstStartError(BargeboxError):
    """The first start does not go on so: ``steps_open``, ``step_needed``, ``no_first_start``."""

    code = "steps_open"


class Log(Protocol):
    """The audit log, which takes rows of ours into its own transaction."""

    async def append(self, *entries: Entry, also: Callable[[sqlite3.Connection], None]) -> None:
        """Have *entries* and what *also* writes on record together, or neither."""


class FirstStart:
    """``now`` is how it stands. Every coroutine raises `StoreError`, and those that change
    something `AuditUnwritableError`; then nothing was changed.
    """

    def __init__(self, store: Store, audit: Log) -> None:
        self._store, self._audit = store, audit
        self.now = Overview()

    async def load(self) -> Overview:
        """Learn anew how it stands."""
        self.now = await self._store.read(rows.read)
        return self.now

    async def begin(self) -> Overview:
        """A fresh box: every step is open, but for those that were seen to before."""
        await self._store.write(rows.begin)
        return await self.load()

    async def verified(self, step: Step, words: str, who: str) -> Overview:
        """*step* is done: *words* say in English what the box itself found."""
        return await self._set(step, State.DONE, words, who)

    async def set_aside(self, step: Step, who: str) -> Overview:
        """Leave *step* for later. Raises `FirstStartError` (``step_needed``)."""
        if step in NEEDED:
            raise FirstStartError("This step cannot be set aside.", code="step_needed")
        return await self._set(step, State.ASIDE, "", who)

    async def finish(self, who: str) -> Overview:
        """The box is in service. Raises `FirstStartError` (``steps_open``)."""
        now = await self.load()
        if now.in_service is not None:
            return now
        if not now.steps or now.next is not None:
            raise FirstStartError("Some steps are open still. Do them, or set them aside.")
        aside = [one.step.value for one in now.steps if one.state is State.ASIDE]

        def work(database: sqlite3.Connection) -> None:
            rows.write(database, rows.IN_SERVICE, State.DONE, who=who)

        entry = Entry(who, "in_service", detail={"set_aside": [*aside]})
        await self._audit.append(entry, also=work)
        return await self.load()

    async def _set(self, step: Step, state: State, words: str, who: str) -> Overview:
        """Raises `FirstStartError` (``no_first_start``) where there is none, or no more."""
        if not (await self.load()).unfinished:
            raise FirstStartError(
                "The box is in service; its first start is over.", code="no_first_start"
            )

        def work(database: sqlite3.Connection) -> None:
            rows.write(database, step, state, words, who)

        detail = {"step": step.value, "state": state.value, "verified": words}
        await self._audit.append(Entry(who, "first_start_step", detail=detail), also=work)
        return await self.load()
