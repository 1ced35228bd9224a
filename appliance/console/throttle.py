"""A brake on guessing passwords: growing pauses per address and name, bounded in memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from appliance.console.settings import ConsoleError

FREE_TRIES = 5
LONGEST_PAUSE = 60.0
FORGET_AFTER = 900.0
MAX_KEYS = 2048
"""When full, the key that failed longest ago is forgotten."""


class Throttle:
    """After five failures in a row each further one doubles the pause, from 1 s to 60 s.

    Keys are addresses and names; a stranger's failures on one address delay that address for
    every name, and failures on a name delay that name from everywhere, but never longer than a
    minute, so that nobody can lock a supervisor out for long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def check(self, *keys: Hashable) -> None:
        """Raise ConsoleError 429 while one of *keys* has to pause."""
        wait = max(self._pause(key) for key in keys)
        if wait > 0:
            seconds = math.ceil(wait)
            raise ConsoleError(
                429,
                "too_many_attempts",
                f"Too many failed sign-ins. Wait {seconds} s and try again.",
                retry_after=seconds,
            )

    def failed(self, *keys: Hashable) -> None:
        """Count a failure."""
        now = self._clock()
        for key in keys:
            count, last = self._failures.pop(key, (0, now))
            if now - last > FORGET_AFTER:
                count = 0
            self._failures[key] = (count + 1, now)
            if len(self._failures) > MAX_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, *keys: Hashable) -> None:
        """Forget the failures of *keys*."""
        for key in keys:
            self._failures.pop(key, None)

    def _pause(self, key: Hashable) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        pause = min(LONGEST_PAUSE, 2.0 ** min(count - FREE_TRIES, 6))
        return last + pause - self._clock()
