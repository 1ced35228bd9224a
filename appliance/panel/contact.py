"""What the raw edges of one push contact mean. No threads, no clock: told everything, so exact.

Debounce is asymmetric. The first edge of a press is reported at once, before any debounce, since
it may only close the gate. Only a level that is then stable for `DEBOUNCE_S`, and that still
reads as pressed, is reported as a press that may open it. After a press the contact is armed
again by a release that is stable for `REARM_S`, so neither the bounce of the press nor that of
its release is another press.

Edges get lost (the kernel keeps few, and drops what does not fit). A press of which no edge was
seen (found by a re-read, or by an edge that repeats the last one) is reported as a first edge
only: it may close and never open, nor does it count as held.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

DEBOUNCE_S = 0.007
REARM_S = 0.015
SECOND_LOOK_S = 0.05
"""A re-read that differs is looked at again: the edge may be under way from the kernel."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Where a contact reports to. Every *edge* is followed by exactly one *released*."""

    edge: Callable[[float], bool]
    """First edge, at this time. True: it was used, and no *pressed* follows."""
    pressed: Callable[[float], None]
    released: Callable[[float, float], None]
    """At this time, after so many seconds: the first edge of the release."""


@dataclass(slots=True, eq=False)
class Press:
    """A press that the contact is in, until its release is stable."""

    began: float
    seen: bool
    used: bool = False
    settled: bool = False
    ended: bool = False

    @property
    def is_hold(self) -> bool:
        """It may count as held: its edge was seen and it has not been released."""
        return self.seen and not self.ended


class Contact:
    """One contact. All times are seconds of one clock.

    An edge has a time of its own, from the kernel, and arrives later. How long a level was stable
    is judged by the edges' own times; how long to wait for more is counted from the arrival.
    """

    def __init__(self, reports: Reports, read: Callable[[], bool], now: float) -> None:
        self._reports = reports
        self._read = read
        self._down = read()
        self._since = now if self._down else -math.inf
        self._deadline = math.inf
        self._doubt = math.inf
        # Down at the start is nobody's press (a stuck contact, or one of a former life): the
        # next one begins with an edge, as always.
        self.press: Press | None = None

    def is_down(self) -> bool:
        """The level, read now."""
        return self._read()

    def due(self) -> float:
        """When `advance` has something to do; ``inf`` when it waits for an edge."""
        return min(self._deadline, self._doubt)

    def edge(self, down: bool, at: float, now: float) -> None:
        """A raw edge to this level, of the time *at*, has arrived."""
        at = max(at, self._since)
        self._doubt = math.inf
        rested = at >= self._since + REARM_S
        if down == self._down:
            if rested:  # the opposite edge was lost, and a press with it
                self._finish(at)
                self._begin(at, seen=False)
        elif down:
            if rested:  # else it is bounce, even if that release seemed over already
                self._finish(at)
                self._begin(at, seen=True)
        elif at >= self._since + DEBOUNCE_S:
            self._settle(at)
        self._level(down, at, now)

    def reread(self, now: float) -> None:
        """Compare with the real level, in case an edge was lost."""
        if self._read() == self._down:
            self._doubt = math.inf
        elif self._doubt == math.inf:
            self._doubt = now + SECOND_LOOK_S

    def advance(self, now: float) -> None:
        """Do what has become due."""
        if now >= self._doubt:
            self._second_look(now)
        if now < self._deadline:
            return
        if not self._down:
            self._finish(now)
            self._deadline = math.inf
        elif self._read():
            self._settle(now)
            self._deadline = math.inf
        else:
            # The release is under way from the kernel, or lost: nothing may open now.
            self._deadline = now + DEBOUNCE_S

    def _second_look(self, now: float) -> None:
        self._doubt = math.inf
        down = self._read()
        if down == self._down:
            return
        if down:
            self._finish(now)
            self._begin(now, seen=False)
        self._level(down, now, now)

    def _level(self, down: bool, at: float, now: float) -> None:
        self._down, self._since = down, at
        press = self.press
        if press is None:
            self._deadline = math.inf
        elif not down:
            self._deadline = now + REARM_S
            if press.settled:
                self._release(press, at)
        else:
            self._deadline = math.inf if press.settled else now + DEBOUNCE_S

    def _begin(self, at: float, *, seen: bool) -> None:
        self.press = press = Press(at, seen)
        press.used = self._reports.edge(at)

    def _settle(self, at: float) -> None:
        press = self.press
        if press is not None and not press.settled:
            press.settled = True
            if press.seen and not press.used:
                self._reports.pressed(at)

    def _finish(self, at: float) -> None:
        press, self.press = self.press, None
        if press is not None:
            self._release(press, at)

    def _release(self, press: Press, at: float) -> None:
        if not press.ended:
            press.ended = True
            self._reports.released(at, at - press.began)
