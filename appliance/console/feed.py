"""One event client's outbox: bounded, never blocking the sender."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from appliance.monitoring.policy import Account

LIMIT = 256
"""Events that may wait for one client."""


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event: its name and its data as JSON text."""

    name: str
    data: str


class Feed:
    """What one client has still to be sent.

    When the client is slow: levels, quality and update are replaced by newer ones, never queued;
    when the queue of the rest is full, it is thrown away and a fresh snapshot takes its place.
    """

    def __init__(self, account: Account, *, is_page: bool = True) -> None:
        self.account = account
        self.is_page = is_page
        """Somebody looks at it; else a script reads it."""
        self.stale = True
        """The next thing to send is a snapshot; until then everything else is moot."""
        self.closed = False
        self._queue: deque[Event] = deque()
        self._latest: dict[str, Event] = {}
        self._wake = asyncio.Event()

    def push(self, event: Event) -> None:
        """Queue an event; on overflow ask for a snapshot instead."""
        if self.stale:
            return
        if len(self._queue) >= LIMIT:
            self.resync()
            return
        self._queue.append(event)
        self._wake.set()

    def replace(self, event: Event) -> None:
        """Keep only the newest event of this name."""
        if self.stale:
            return
        self._latest[event.name] = event
        self._wake.set()

    def resync(self) -> None:
        """Forget what waits; a snapshot says it all."""
        self.stale = True
        self._queue.clear()
        self._latest.clear()
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self._wake.set()

    def take(self) -> list[Event]:
        """Everything that waits, in order; what is only replaced, last."""
        events = [*self._queue, *self._latest.values()]
        self._queue.clear()
        self._latest.clear()
        return events

    async def wait(self, seconds: float) -> None:
        """Until something waits, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
