"""How much loss the uplink's error correction prepares for, as the receivers report it."""

from __future__ import annotations

import math

MOST_PERCENT = 10
"""More is never asked of libopus, whatever is lost: from here on the copies take from the speech
more than they give back (docs/decisions/015)."""
RISE = 0.5
"""How far one report may lift the estimate towards itself."""
FALL_S = 10.0
"""Time constant in which it sinks."""


class ExpectedLoss:
    """Smooths the *fraction lost* of RTCP receiver reports (RFC 3550 section 6.4.1): up within a
    report or two, down in tens of seconds, since losses come in flocks.
    """

    def __init__(self, floor_percent: int) -> None:
        self._floor = floor_percent
        self._fraction = 0.0
        self._reported_at: float | None = None

    def report(self, fraction: float, now: float) -> None:
        """Take a report of *fraction* lost (0 to 1), heard at *now* (monotonic, s)."""
        if self._reported_at is None or fraction > self._fraction:
            step = RISE
        else:
            step = 1 - math.exp((self._reported_at - now) / FALL_S)
        self._fraction += step * (fraction - self._fraction)
        self._reported_at = now

    @property
    def percent(self) -> int:
        """What to tell the encoder: the setting at least, and 10 at most unless it says more."""
        return max(self._floor, min(MOST_PERCENT, round(100 * self._fraction)))
