"""Failures that are counted and forgotten again, and the growing pauses they cost. Bounded."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from appliance.console.settings import ConsoleError

FREE_TRIES = 5
LONGEST_PAUSE = 60.0
FORGET_AFTER = 900.0
TOLD_EVERY = 60.0
MAX_KEYS = 4096
"""When full, the key that failed longest ago is forgotten."""


def too_many(wait: float, advice: str = "") -> ConsoleError:
    """The refusal of a sign-in that may be tried again after *wait* seconds."""
    seconds = max(1, math.ceil(wait))
    words = f"Too many failed sign-ins. Wait {seconds} s and try again{advice}."
    return ConsoleError(429, "too_many_attempts", words, retry_after=seconds)


class Failures:
    """How often each key failed lately; a quarter of an hour without a failure clears it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, key: Hashable) -> int:
        """Failures of *key* that are not forgotten."""
        return self._now(key)[0]

    def pause(self, key: Hashable) -> float:
        """Seconds for which *key* has still to wait."""
        count, last = self._now(key)
        if count < FREE_TRIES:
            return 0.0
        pause = min(LONGEST_PAUSE, 2.0 ** min(count - FREE_TRIES, 6))
        return max(0.0, last + pause - self._clock())

    def add(self, key: Hashable) -> None:
        """One more."""
        self._counts[key] = (self._now(key)[0] + 1, self._clock())
        self._counts.move_to_end(key)
        if len(self._counts) > MAX_KEYS:
            self._counts.popitem(last=False)

    def take_back(self, key: Hashable) -> None:
        """The last one was none; those before it still count."""
        count, last = self._now(key)
        if count > 1:
            self._counts[key] = (count - 1, last)
        else:
            self._counts.pop(key, None)

    def forget(self, key: Hashable) -> None:
        """None of its failures counts any more."""
        self._counts.pop(key, None)

    def _now(self, key: Hashable) -> tuple[int, float]:
        count, last = self._counts.get(key, (0, 0.0))
        return (0, 0.0) if self._clock() - last > FORGET_AFTER else (count, last)


class Lately:
    """What was told within the last minute, so that nobody can have it told without end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[Hashable, float] = OrderedDict()

    def first(self, key: Hashable) -> bool:
        """Whether *key* is to be told now."""
        now = self._clock()
        if now - self._told.get(key, -TOLD_EVERY) < TOLD_EVERY:
            return False
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > MAX_KEYS:
            self._told.popitem(last=False)
        return True


class Throttle:
    """After five failures in a row each further one doubles the pause, from 1 s to 60 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = Failures(clock)

    def check(self, key: Hashable) -> None:
        """Raise ConsoleError 429 while *key* has to pause."""
        if (wait := self._failures.pause(key)) > 0:
            raise too_many(wait)

    def failed(self, key: Hashable) -> None:
        """Count a failure."""
        self._failures.add(key)

    def took_back(self, key: Hashable) -> None:
        """It was none."""
        self._failures.take_back(key)
