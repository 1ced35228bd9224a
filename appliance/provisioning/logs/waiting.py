"""Lines that wait for the server: bounded, and the oldest go when there are too many."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from appliance.provisioning.logs.message import Line

MOST: Final = 5000
"""Lines: a few MB, and hours of an ordinary log."""


class Waiting:
    """Lines are added by any thread, which never waits, and taken by the loop; *wake* is called
    by whoever adds, and must be quick and safe there.
    """

    def __init__(self, wake: Callable[[], None], most: int = MOST) -> None:
        self._wake, self._most = wake, most
        self._lines: deque[Line] = deque()
        self._lock = threading.Lock()
        self.dropped = 0
        """Lines that were lost, since the process began."""

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: Line) -> bool:
        """One more; the oldest goes if there is no room. Whether it gets tight: who has the lines
        elsewhere too need not hurry.
        """
        with self._lock:
            self._lines.append(line)
            self._trim()
            tight = len(self._lines) > self._most // 2
        self._wake()
        return tight

    def take(self, most: int) -> list[Line]:
        """The oldest of them."""
        with self._lock:
            return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]

    def give_back(self, lines: Iterable[Line]) -> None:
        """Those that could not be sent are the oldest again."""
        with self._lock:
            self._lines.extendleft(reversed(list(lines)))
            self._trim()

    def clear(self) -> None:
        """Nobody wants them any more."""
        with self._lock:
            self._lines.clear()

    def _trim(self) -> None:
        while len(self._lines) > self._most:
            self._lines.popleft()
            self.dropped += 1
