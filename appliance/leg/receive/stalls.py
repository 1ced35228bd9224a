"""Stalls of the line, remembered.

A stall (a radio that scans, a link that is renewed) delays all packets of a moment and lets them
go at once. A quantile of lateness learns it too late or keeps the delay up for all time.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

STALL = 1_920
"""Samples at 48 kHz (40 ms) that a packet is later than usual, to be a stall."""
DRAIN = 4_800
"""What arrives so soon (0.1 s) after a stalled packet belongs to the same stall."""
SPAN = 48_000 * 30
SOON = 48_000 * 10
"""Stalls are remembered for half a minute, a single one for 10 s."""
LIVE_HOLD = 3_360
"""A remembered stall holds the delay here (70 ms) and no higher while the supervisor talks: the
start of the next is bridged, and talking back and forth still works."""
LISTENING_HOLD = 6_960
"""While the supervisor only listens, delay is cheap and gaps are not (145 ms)."""


class Stall(NamedTuple):
    """One: when its first and its last packet came, and how late the latest was."""

    began: int
    ended: int
    lateness: int


class Stalls:
    """The stalls of the last half minute. Times and delays in samples at 48 kHz."""

    def __init__(self) -> None:
        self._seen: deque[Stall] = deque()

    def note(self, arrival: int, lateness: int, usual: int) -> bool:
        """Whether the packet that came at *arrival* was held up by a stall, and so tells nothing
        of what is usual. A line that stays slower is no stall.
        """
        while self._seen and arrival - self._seen[0].ended > SPAN:
            self._seen.popleft()
        if lateness < usual + STALL:
            return False
        stall = Stall(arrival, arrival, lateness)
        if self._seen and arrival - self._seen[-1].ended < DRAIN:
            before = self._seen.pop()
            stall = Stall(before.began, arrival, max(before.lateness, lateness))
        self._seen.append(stall)
        return arrival - stall.began < DRAIN

    def wanted(self, arrival: int, *, live: bool) -> int:
        """The delay that suits the stalls to come. *live*: the supervisor talks as well.

        Nine tenths of their median: of stalls that are alike nearly each is bridged, of others
        half. The longest would cost delay for half a minute, and is rare.
        """
        if not self._seen or (len(self._seen) == 1 and arrival - self._seen[0].ended > SOON):
            return 0
        hold = LIVE_HOLD if live else LISTENING_HOLD
        return min(
            hold, sorted(stall.lateness for stall in self._seen)[len(self._seen) // 2] * 9 // 10
        )
