"""Checks the running box's own audit log, in a thread that leaves half of the time to others."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.monitoring.audit_check import Verdict
from appliance.monitoring.audit_files import CheckStoppedError, check_database
from appliance.monitoring.audit_head import public_key
from appliance.monitoring.audit_seal import read_key
from appliance.monitoring.store import StoreError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, and when it began."""

    at: datetime
    verdict: Verdict


class Checker:
    """One check at a time; whoever asks meanwhile gets the same one's result."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._stop = threading.Event()
        self._running: asyncio.Task[Checked] | None = None
        self.last: Checked | None = None

    async def check(self) -> Checked:
        """The result. Raises `StoreError` when the log cannot be read or the box stops."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check(), name="audit check")
            self._running.add_done_callback(_looked_at)
        return await asyncio.shield(self._running)

    def stop(self) -> None:
        """Give up the check that runs, for the process is about to end."""
        self._stop.set()

    async def _check(self) -> Checked:
        at = datetime.now(UTC)
        try:
            self.last = Checked(at, await asyncio.to_thread(self._look))
        except CheckStoppedError:
            raise StoreError("The box stops. Check the audit log later.") from None
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The audit log cannot be read: {error}.") from error
        verdict = self.last.verdict
        for fault in verdict.faults:
            log.critical("the audit log is not whole: %s", fault.words)
        log.info("the audit log was checked: %d rows, whole: %s", verdict.rows, verdict.intact)
        return self.last

    def _look(self) -> Verdict:
        key = public_key(read_key(self._database))
        return check_database(self._database, key, stop=self._stop, gently=True)


def _looked_at(task: asyncio.Task[Checked]) -> None:
    """Its error is not lost when nobody waits any more."""
    if not task.cancelled():
        task.exception()
