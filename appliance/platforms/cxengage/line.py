"""The line by which the platform calls our leg: its voice gateway, or the site's own PBX."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformError

TROUBLE_AFTER_S = 5.0
"""A line that is down for longer is told of; a shorter gap passes unseen."""


@dataclass(frozen=True, slots=True)
class Invite:
    """The platform calls our leg."""

    callsid: str
    sdp: str
    reconnect: str | None = None
    """What the voice gateway wants to see again when the call is re-attached."""


class Line(ABC):
    """One registration, made again when it is lost; at most one call, and only when expected."""

    def __init__(self, fault: str, on_ended: Callable[[str], None]) -> None:
        """*fault* are the words for a line that is not ready, as long as none better are known."""
        self._fault = fault
        self._on_ended = on_ended
        self._ready = asyncio.Event()
        self._down_since = time.monotonic()
        self._expected: asyncio.Future[Invite] | None = None
        self._over_lately: deque[str] = deque(maxlen=50)

    @property
    def ready(self) -> bool:
        """Whether the platform can call us."""
        return self._ready.is_set()

    @property
    @abstractmethod
    def holds_call(self) -> bool:
        """Whether a call is up on it."""

    def trouble(self) -> str:
        """What is wrong with it for some time already; nothing while all is well."""
        lately = time.monotonic() - self._down_since < TROUBLE_AFTER_S
        return "" if self.ready or lately else self._fault

    async def until_ready(self, limit_s: float) -> None:
        """Wait for the registration. Raises `PlatformError` after *limit_s*."""
        try:
            async with asyncio.timeout(limit_s):
                await self._ready.wait()
        except TimeoutError as error:
            raise PlatformError(self._fault, code=EndReason.PLATFORM_LOST) from error

    def expect(self) -> asyncio.Future[Invite]:
        """Take the next invite; any that nobody expects is rejected."""
        self.expect_nothing()
        self._expected = asyncio.get_running_loop().create_future()
        return self._expected

    def expect_nothing(self) -> None:
        """Reject what comes from now on."""
        if self._expected is not None:
            self._expected.cancel()
        self._expected = None

    def is_over(self, callsid: str) -> bool:
        """Whether the platform ended it, perhaps before anybody had looked at its invite."""
        return callsid in self._over_lately

    @abstractmethod
    async def run(self) -> None:
        """Stay registered, for ever; a call that is up at the end goes with it."""

    @abstractmethod
    async def answer(self, invite: Invite, answer: str) -> None:
        """Take the call. Raises `PlatformError` when the platform cannot be told."""

    @abstractmethod
    async def hang_up(self, callsid: str) -> None:
        """Let the media leg go, answered or not. Raises nothing."""

    # -- for the lines themselves

    def _is_up(self) -> None:
        self._ready.set()

    def _is_down(self, fault: str = "") -> None:
        if self.ready:
            self._down_since = time.monotonic()
        self._ready.clear()
        self._fault = fault or self._fault

    def _taken(self, invite: Invite) -> bool:
        """Whether somebody waited for it."""
        if self._expected is None or self._expected.done():
            return False
        self._expected.set_result(invite)
        return True

    def _over(self, callsid: str) -> None:
        self._over_lately.append(callsid)
        self._on_ended(callsid)
