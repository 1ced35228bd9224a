"""Headset and panel as a person tries them, without a leg: what is asked is seen at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from appliance.control_link.client import LegError
from appliance.control_link.words import Button, CheckEnd, CheckKind, Lamp
from appliance.monitoring.audit import Entry
from appliance.monitoring.check_view import CheckView
from tests.support.console_memory import MemoryAudit
from tests.support.console_monitoring import MemoryMonitoring
from tests.support.memory_store import MemoryStore


class NotedSteps:
    """Steps of the first start, on record in an audit log that is no part of their database."""

    def __init__(self, database: MemoryStore, audit: MemoryAudit) -> None:
        self._database, self._audit = database, audit

    async def append(self, *entries: Entry, also: Callable[[sqlite3.Connection], None]) -> None:
        await self._audit.append(*entries)
        await self._database.write(also)


class MemoryChecks:
    """Refuses where the leg would."""

    def __init__(self, monitoring: MemoryMonitoring) -> None:
        self.now = CheckView()
        self._monitoring = monitoring
        self.by: list[str] = []

    async def begin(self, who: str, kind: CheckKind) -> CheckView:
        self._refuse_busy()
        self.by.append(who)
        return self.show(running=kind, end=None)

    async def end(self) -> CheckView:
        return self.show(running=None, end=CheckEnd.ASKED, lamp=None)

    async def tone(self) -> CheckView:
        self._refuse_busy()
        return self.show(toned=True)

    async def light(self, lamp: Lamp | None) -> CheckView:
        if self.now.running is not CheckKind.PANEL:
            raise LegError("Begin the check of the panel first.", code="no_check")
        return self.show(lamp=lamp, lit=self.now.lit | ({lamp} - {None}))

    def show(self, **changes: object) -> CheckView:
        """It is so now, and listeners hear of it."""
        self.now = replace(self.now, **changes)  # type: ignore[arg-type]
        self._monitoring.tell(self.now)
        return self.now

    def speak(self, level: float = -20.0) -> None:
        """Somebody speaks into the open microphone."""
        self.show(level=level, loudest=max(level, self.now.loudest))

    def press(self, *buttons: Button) -> None:
        """Somebody presses while the panel is checked."""
        self.show(pressed=self.now.pressed | set(buttons))

    def _refuse_busy(self) -> None:
        if self._monitoring.current().state != "idle":
            raise LegError("A call is being monitored. Leave it first.", code="busy")
