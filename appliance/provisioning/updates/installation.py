"""The one installation that may run, told by RAUC's signals, and how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from appliance.monitoring.audit import Entry
from appliance.provisioning.bus import BusError, SystemBus
from appliance.provisioning.neighbours import Log
from appliance.provisioning.updates.errors import UpdateError, of_rauc
from appliance.provisioning.updates.folder import BundleFolder, Note
from appliance.provisioning.updates.rauc import INSTALLING, Now, Rauc
from appliance.provisioning.updates.slots import Slots, slots_of
from appliance.provisioning.updates.views import Outcome, Progress, step_of
from appliance.service.errors import BargeboxError
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

BOX: Final = "bargebox"
"""Who writes down how an installation ended."""


_BEGINNING: Final = Progress(operation="installing", step="checking")


class Installation:
    """What is being installed, whoever began it. *told* is called at each change."""

    def __init__(
        self, bus: SystemBus, folder: BundleFolder, audit: Log, told: Callable[[], None]
    ) -> None:
        self.note: Note | None = None
        """What runs; None: nothing does."""
        self.outcome: Outcome | None = None
        self._bus, self._folder, self._audit, self._told = bus, folder, audit, told
        self._jobs = Jobs()
        self._ending = False
        self._last = _BEGINNING
        """RAUC's first word may still be to come, and its last one is not the end."""

    async def take_up(self) -> None:
        """What a former life of this process began; a rest of what never began is removed."""
        self.note = await asyncio.to_thread(self._folder.read_note)
        if self.note is None:
            await asyncio.to_thread(self._folder.drop)

    async def stop(self) -> None:
        """Cease to look; RAUC goes on by itself."""
        await self._jobs.finish(0.0)

    async def begin(self, note: Note) -> None:
        """From now on it runs. Raises `UpdateError` where that cannot be kept."""
        await asyncio.to_thread(self._folder.write_note, note)
        self.note, self.outcome = note, None
        self._last = _BEGINNING.model_copy(update={"version": note.version})
        self._told()

    async def never_began(self, error: BargeboxError) -> None:
        """RAUC did not take it, unless it went away with it, which is told already."""
        if self.note is None or self._ending:
            return
        self._close(Outcome(installed=False, version=self.note.version, code=error.code))
        self.outcome = None  # whoever asked is told
        await asyncio.to_thread(self._folder.drop)
        self._told()

    def progress(self, now: Now | None) -> Progress:
        """As it is told, while it runs."""
        if self.note is None:
            return Progress(outcome=self.outcome)
        if now is not None and now.operation == INSTALLING:
            self._last = Progress(
                operation="installing",
                percent=now.percent,
                step=step_of(now),
                words=now.words,
                version=self.note.version,
            )
        return self._last

    def seen(self, now: Now | None) -> None:
        """RAUC told what it does: perhaps what somebody began elsewhere."""
        if now is not None and now.operation == INSTALLING and self.note is None:
            self.note, self.outcome, self._last = Note(), None, _BEGINNING

    def ended(self, result: int | None) -> None:
        """RAUC said how it ended, or None: it does nothing any more, or is gone."""
        if self.note is None or self._ending:
            return
        self._ending = True
        self._jobs.spawn(self._finish(self.note, result), "end of an update")

    async def _finish(self, note: Note, result: int | None) -> None:
        try:
            fault = await self._fault(note, result)
            outcome = Outcome(installed=fault is None, version=note.version)
            if fault is not None:
                outcome.code, outcome.words = fault.code, fault.detail
            await asyncio.to_thread(self._folder.drop)
            self._close(outcome)
        finally:
            self._ending = False
        self._told()

    def _close(self, outcome: Outcome) -> None:
        self.note, self.outcome = None, outcome
        action = "update_installed" if outcome.installed else "update_failed"
        detail = outcome.model_dump(mode="json", include={"version", "code"}, exclude_defaults=True)
        self._audit.note(Entry(BOX, action, detail=detail))
        log.info("%s %s %s", action, outcome.version, outcome.words)

    async def _fault(self, note: Note, result: int | None) -> UpdateError | None:
        """Why it failed, or None where it did not."""
        if result == 0:
            return None
        words = ""
        with suppress(BusError):
            async with self._bus.talk() as talk:
                rauc = Rauc(talk)
                words = (await rauc.now()).last_error
                unheard = result is None and not words
                if unheard and _is_there(note, await slots_of(rauc)):
                    return None
        return of_rauc(words) if words else UpdateError("update_interrupted")


def _is_there(note: Note, slots: Slots) -> bool:
    """Nobody heard how it ended, but what is next, or runs by now, was written whole since then."""
    slot = slots.named(slots.next)
    return (
        slot is not None
        and slot.whole
        and slot.version == (note.version or slot.version)
        and slot.installed_at >= note.begun_at
    )


def moment() -> str:
    """Now, as RAUC writes it into a slot's status."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
