"""Sends the logs by what was chosen, and tells how that goes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final, Protocol

from appliance.monitoring.store import StoreError
from appliance.provisioning.logs.connection import LogServerError, connected
from appliance.provisioning.logs.keeping import keep
from appliance.provisioning.logs.lines import Source, source_of
from appliance.provisioning.logs.message import Line, formed
from appliance.provisioning.logs.position import Position, PositionFile
from appliance.provisioning.logs.proof import Proof, ProvableLog
from appliance.provisioning.logs.sending import Progress, Sending
from appliance.provisioning.logs.settings import (
    OFF,
    LogForwarding,
    LogForwardingFile,
    LogForwardingFileError,
)
from appliance.provisioning.logs.waiting import MOST, Waiting
from appliance.provisioning.neighbours import Log
from appliance.service.journal import in_journal
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

SETTLE_S: Final = 0.5
"""How long a test waits for the server to close the connection again."""


class AuditLog(Log, ProvableLog, Protocol):
    """The audit log, of which each change is told."""

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* on the loop soon after something was written; returns how to stop."""


@dataclass(frozen=True, slots=True)
class LogState:
    """How the sending goes, since this process began."""

    connected: bool = False
    detail: str = ""
    """Why it is not."""
    away_since: datetime | None = None
    sent: int = 0
    waiting: int = 0
    dropped: int = 0
    """Lines that were lost because too many waited."""
    dropped_at: datetime | None = None
    fault: str = ""
    """Why what was saved is not used, in words."""


class LogForwarder:
    """Its methods run on one loop and raise `BargeboxError`; nothing ever waits for the server."""

    def __init__(
        self,
        file: LogForwardingFile,
        position: PositionFile,
        audit: AuditLog,
        host: Callable[[], str] = lambda: "",
        *,
        journal: bool | None = None,
        most: int = MOST,
        on_death: Callable[[str], None] = die,
    ) -> None:
        self._file, self._position, self._audit = file, position, audit
        self._host = host
        self._journal = in_journal() if journal is None else journal
        self._on_death = on_death
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = Waiting(self._woken, most)
        self._settings, self._fault = OFF, ""
        self._source: Source | None = None
        self._proof = Proof(audit, None)
        self._kept = Position()
        self._progress = Progress()
        self._task: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] | None = None

    async def begin(self) -> None:
        """Go on with what was chosen. What cannot be used is told, and nothing is sent."""
        self._loop = asyncio.get_running_loop()
        self._unlisten = self._audit.listen(self._wake.set)
        self._kept = await asyncio.to_thread(self._position.read)
        self._proof = Proof(self._audit, self._kept.audit)
        self._progress.cursor = self._kept.cursor
        try:
            await self._use(await asyncio.to_thread(self._file.read))
        except LogForwardingFileError as error:
            self._fault = error.detail
            log.error("%s", error.detail, extra={"CODE": error.code})

    async def stop(self) -> None:
        """Send no more; what is not sent is told by the next life, as far as it is kept."""
        await self._rest()
        if self._unlisten is not None:
            self._unlisten()
        await self._keep()

    @property
    def settings(self) -> LogForwarding:
        """Those in use."""
        return self._settings

    @property
    def state(self) -> LogState:
        """How it goes now."""
        told = self._progress
        return LogState(
            told.connected,
            told.detail,
            told.away_since,
            told.sent,
            len(self._waiting),
            self._waiting.dropped,
            told.dropped_at,
            self._fault,
        )

    async def change(self, who: str, settings: LogForwarding) -> None:
        """Send them there from now on, on record first. Raises `BargeboxError`."""
        async with self._changing:  # what is kept and what is done are the same
            await keep(self._file, self._audit, who, settings)
            await self._rest()
            await self._use(settings)

    async def test(self, settings: LogForwarding) -> str:
        """Send one line there, by a connection of its own; what is known of it then, in words.

        Raises `LogServerError`.
        """
        over = asyncio.Event()
        connection = await connected(settings, over.set)
        mark = token_hex(4)
        try:
            line = Line(f"Bargebox test line {mark}", kind="test", process=str(os.getpid()))
            host = self._host() or socket.gethostname()
            await connection.send([formed(line, settings.facility, host, 1, connection.most)])
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_S):
                    await over.wait()
            if connection.lost:
                raise LogServerError(connection.lost)
        finally:
            await connection.close()
        return mark

    # -- inside

    async def _use(self, settings: LogForwarding) -> None:
        self._settings, self._fault = settings, ""
        told = self._progress
        told.connected, told.detail, told.away_since = False, "", None
        if settings.transport == "off" or self._journal:  # the journal has them still
            self._waiting.clear()
        if settings.transport == "off":
            return
        self._source = source_of(settings.lines, journal=self._journal)
        if self._source is not None:
            self._source.start(self._waiting.add, told.cursor)
        if settings.audit:
            with suppress(StoreError):  # the sending says so
                await self._proof.begin()
        sending = Sending(
            settings,
            self._waiting,
            self._proof,
            told,
            self._wake,
            host=self._host,
            keep=self._keep,
        )
        self._task = deadly_task(sending.run(), "log server", on_death=self._on_death)

    async def _rest(self) -> None:
        if self._source is not None:
            await asyncio.to_thread(self._source.stop)
            self._source = None
        await stop_tasks(self._task)
        self._task = None

    async def _keep(self) -> None:
        now = Position(cursor=self._progress.cursor, audit=self._proof.told)
        if now != self._kept and self._settings.transport != "off":
            self._kept = now
            await asyncio.to_thread(self._position.write, now)

    def _woken(self) -> None:
        """A line was added, by any thread."""
        if self._loop is not None and not self._wake.is_set():
            with suppress(RuntimeError):  # the loop is over
                self._loop.call_soon_threadsafe(self._wake.set)
