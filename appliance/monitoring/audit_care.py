"""What the audit log needs by and by: old rows go, its head is told, and somebody looks at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from appliance.monitoring.audit import Audit
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import StoreError
from appliance.service.journal import fields
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

FIRST_S = 20.0
"""A start has other things to do first."""
CUT_EVERY_S = 6 * 3600.0
CHECK_EVERY_S = 24 * 3600.0
BETWEEN_CUTS_S = 1.0


class AuditCare:
    """Looks after *audit* for the life of the process."""

    def __init__(
        self, settings: MonitoringSettings, audit: Audit, *, on_death: Callable[[str], None] = die
    ) -> None:
        self._settings, self._audit, self._on_death = settings, audit, on_death
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        works = {
            "audit heads": self._every(self._settings.audit_head_every_s, self.tell),
            "audit check": self._every(CHECK_EVERY_S, self._audit.check),
        }
        if self._settings.audit_keep_days is not None:
            works["audit retention"] = self._every(CUT_EVERY_S, self.cut)
        self._tasks = [
            deadly_task(work, name, on_death=self._on_death) for name, work in works.items()
        ]

    async def stop(self) -> None:
        """End, after everything else that writes into the log; its last head is told."""
        await stop_tasks(*self._tasks)
        try:
            await self.tell()
        except StoreError as error:
            log.error("the audit log's head cannot be told: %s", error.detail)

    async def tell(self) -> None:
        """The signed head into the log, as `bargebox audit verify --heads` reads it."""
        head = await self._audit.head()
        if head is not None:
            told = fields(audit_seq=head.seq, audit_hash=head.hash)
            log.info("%s", head.line(), extra=told)

    async def cut(self) -> None:
        """Remove what is older than it is kept."""
        if self._settings.audit_keep_days is None:
            return
        keep = timedelta(days=self._settings.audit_keep_days)
        while gone := await self._audit.cut(datetime.now(UTC) - keep):
            log.info("%d rows of the audit log were removed because of their age", gone)
            await asyncio.sleep(BETWEEN_CUTS_S)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(min(FIRST_S, seconds))
        while True:
            try:
                await work()
            except StoreError as error:
                log.error("the audit log: %s", error.detail)
            await asyncio.sleep(seconds)
