"""One stretch of sending: connects, sends what there is, waits for more, and tries again."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from appliance.monitoring.store import StoreError
from appliance.provisioning.logs.connection import Connection, LogServerError, connected
from appliance.provisioning.logs.message import Line, formed
from appliance.provisioning.logs.proof import Proof
from appliance.provisioning.logs.settings import LogForwarding
from appliance.provisioning.logs.waiting import Waiting

log = logging.getLogger(__name__)

AT_ONCE: Final = 100
"""Lines sent in one go."""
REST_S: Final = 1.0
"""Between two looks at the audit log: what changes often is told once a second."""
KEEP_EVERY_S: Final = 60.0
"""How often the position is written, if it changed: a card wears."""
STEADY_S: Final = 3.0
"""A server that was away is back when a connection lasts so long: one that takes connections and
ends them is not, nor a UDP port that nobody serves."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
MOST_SEQUENCE: Final = 2_147_483_647
"""RFC 5424, 7.3.1."""


@dataclass(slots=True)
class Progress:
    """How it goes, over all stretches of a life of control."""

    connected: bool = False
    detail: str = ""
    """Why it is not."""
    away_since: datetime | None = None
    sent: int = 0
    cursor: str = ""
    """Of the last line of the journal that was sent."""
    dropped_seen: int = 0
    dropped_at: datetime | None = None
    number: int = 0
    """Of the last message."""
    unprovable: bool = False
    """The audit log cannot be read, which was told."""

    def went_away(self, detail: str) -> None:
        """The server cannot be reached."""
        if self.away_since is None:
            log.warning("the logs are not sent: %s", detail)
            self.away_since = datetime.now(UTC)
        self.connected, self.detail = False, detail

    def came_back(self, words: str, for_s: float) -> None:
        """What there was is sent, by a connection that lasts *for_s* seconds now."""
        if self.away_since is not None and for_s < STEADY_S:
            return
        if not self.connected:
            log.info("the logs are sent to %s", words)
        self.connected, self.detail, self.away_since = True, "", None

    def saw_dropped(self, dropped: int) -> None:
        """So many lines were lost until now."""
        if dropped != self.dropped_seen:
            lost, self.dropped_seen = dropped - self.dropped_seen, dropped
            self.dropped_at = datetime.now(UTC)
            log.warning("%d log lines were not sent: too many waited for the server", lost)


class Sending:
    """Sends by *settings* until it is cancelled; *keep* writes down how far it came."""

    def __init__(
        self,
        settings: LogForwarding,
        waiting: Waiting,
        proof: Proof,
        progress: Progress,
        wake: asyncio.Event,
        *,
        host: Callable[[], str],
        keep: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings, self._waiting, self._proof = settings, waiting, proof
        self._progress, self._wake = progress, wake
        self._host, self._keep = host, keep

    async def run(self) -> None:
        """For ever."""
        pause = FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            try:
                connection = await connected(self._settings, self._wake.set)
                try:
                    self._proof.connected()
                    await self._pump(connection)
                finally:
                    await connection.close()
            except LogServerError as error:
                self._proof.lost()
                self._progress.went_away(error.detail)
            if time.monotonic() - begun > LONGEST_PAUSE_S:
                pause = FIRST_PAUSE_S
            self._progress.saw_dropped(self._waiting.dropped)
            await self._keep()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    async def _pump(self, connection: Connection) -> None:
        kept_at = audit_at = float("-inf")
        begun = time.monotonic()
        while True:
            self._wake.clear()
            if connection.lost:
                raise LogServerError(connection.lost)
            now, more = time.monotonic(), False
            if self._settings.audit and now - audit_at >= REST_S:
                more = await self._send_proof(connection)
                audit_at = float("-inf") if more else now
            await self._send_lines(connection)
            self._progress.came_back(self._settings.words, time.monotonic() - begun)
            self._progress.saw_dropped(self._waiting.dropped)
            if now - kept_at >= KEEP_EVERY_S:
                kept_at = now
                await self._keep()
            if not more and not len(self._waiting):
                await self._wait(audit_at)

    async def _wait(self, audit_at: float) -> None:
        """Until something has to be sent; of the audit log's changes once a second."""
        limit = min(KEEP_EVERY_S, self._proof.due_s()) if self._settings.audit else KEEP_EVERY_S
        if not self._progress.connected:
            limit = min(limit, STEADY_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(limit, REST_S)):
                await self._wake.wait()
        if self._settings.audit and not len(self._waiting):
            await asyncio.sleep(max(0.0, min(REST_S, audit_at + REST_S - time.monotonic())))

    async def _send_lines(self, connection: Connection) -> None:
        lines = self._waiting.take(AT_ONCE)
        if not lines:
            return
        try:
            await self._send(connection, lines)
        except LogServerError:
            self._waiting.give_back(lines)
            raise
        self._progress.cursor = lines[-1].cursor or self._progress.cursor

    async def _send_proof(self, connection: Connection) -> bool:
        """Whether there is more to tell."""
        try:
            part = await self._proof.next()
        except StoreError as error:
            if not self._progress.unprovable:  # and not once a second
                self._progress.unprovable = True
                log.error("the audit log's proof cannot be sent: %s", error.detail)
            return False
        self._progress.unprovable = False
        if part is None:
            return False
        await self._send(connection, part.lines)
        self._proof.sent(part)
        return part.head is None

    async def _send(self, connection: Connection, lines: Sequence[Line]) -> None:
        messages = []
        for line in lines:
            self._progress.number = self._progress.number % MOST_SEQUENCE + 1
            messages.append(self.formed(line, connection.most, self._progress.number))
        await connection.send(messages)
        self._progress.sent += len(messages)

    def formed(self, line: Line, most: int, number: int) -> bytes:
        """The line as a message."""
        host = self._host() or socket.gethostname()
        return formed(line, self._settings.facility, host, number, most)
