"""The two lamps: what they show changes at once, in the caller's thread.

Every write happens under one lock, by a thread that has just read the wanted pattern under that
same lock, so the lamp thread can never put an old level over a new one. The first level of a
pattern is written by `Lamps.show` itself; the lamp thread only animates.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.control_link.words import LampPattern
from appliance.panel.errors import PanelError
from appliance.panel.patterns import STEADY, Lamp, level_at
from appliance.panel.pins import LampOutput

log = logging.getLogger(__name__)

LONGEST_SLEEP_S = 0.5
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class LampChange:
    """A lamp shows another pattern or level, since *at* (monotonic clock)."""

    lamp: Lamp
    pattern: LampPattern
    level: float
    at: float


LampObserver = Callable[[LampChange], None]


@dataclass(slots=True)
class _Shown:
    output: LampOutput
    pattern: LampPattern
    since: float
    level: float = 0.0


class Lamps:
    """Drives the lamps. *observer* hears of every change, in order, and must return at once.

    A lamp that cannot be switched must not keep anyone from muting: `show` never raises; the
    fault is logged and `well` is false from then on, which lets the watchdog act.
    """

    def __init__(
        self,
        outputs: Mapping[Lamp, LampOutput],
        *,
        observer: LampObserver = lambda change: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lamps", daemon=True)
        self._stopping = False
        self._failed = False
        self._turns = 0
        self._turns_seen = -1
        now = clock()
        self._shown = {
            lamp: _Shown(output, LampPattern.OFF, now) for lamp, output in outputs.items()
        }
        for lamp, shown in self._shown.items():
            self._write(lamp, shown, 0.0, now)

    def start(self) -> None:
        """Begin to animate."""
        self._thread.start()

    def stop(self) -> None:
        """Both lamps dark; later calls of `show` do nothing."""
        with self._wake:
            self.show(LampPattern.OFF, LampPattern.OFF)
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def show(
        self, microphone: LampPattern | None = None, status: LampPattern | None = None
    ) -> None:
        """Show these patterns; ``None`` leaves a lamp as it is. Its first level is lit already.

        An animated pattern that is shown already goes on in its rhythm.
        """
        with self._wake:
            if self._stopping:
                return
            now = self._clock()
            for lamp, pattern in ((Lamp.MICROPHONE, microphone), (Lamp.STATUS, status)):
                if pattern is not None:
                    self._begin(lamp, pattern, now)
            self._wake.notify()

    def patterns(self) -> dict[Lamp, LampPattern]:
        """What is shown."""
        with self._wake:
            return {lamp: shown.pattern for lamp, shown in self._shown.items()}

    def well(self) -> bool:
        """No pin failed, and the lamp thread has turned since this was asked last."""
        turned = self._turns != self._turns_seen
        self._turns_seen = self._turns
        return turned and not self._failed and self._thread.is_alive()

    def turn(self, now: float) -> float:
        """Bring both lamps to their level of this moment; returns when the next step is due."""
        with self._wake:
            due = math.inf
            for lamp, shown in self._shown.items():
                elapsed = max(now - shown.since, 0.0)
                level, stays = level_at(shown.pattern, elapsed, shown.output.can_dim)
                if level != shown.level:
                    self._write(lamp, shown, level, now)
                due = min(due, now + stays)
            self._turns += 1
            return due

    def _begin(self, lamp: Lamp, pattern: LampPattern, now: float) -> None:
        shown = self._shown[lamp]
        if pattern is shown.pattern and pattern not in STEADY:
            return
        level, _ = level_at(pattern, 0.0, shown.output.can_dim)
        again = pattern is shown.pattern and level == shown.level
        shown.pattern, shown.since = pattern, now
        self._write(lamp, shown, level, now, tell=not again)

    def _write(
        self, lamp: Lamp, shown: _Shown, level: float, now: float, *, tell: bool = True
    ) -> None:
        try:
            shown.output.set(level)
        except PanelError as error:
            if not self._failed:
                log.critical("%s", error.detail)
            self._failed = True
            return
        shown.level = level
        if tell:
            self._observer(LampChange(lamp, shown.pattern, level, now))

    def _run(self) -> None:
        with self._wake:
            while not self._stopping:
                due = self.turn(self._clock())
                self._wake.wait(min(max(due - self._clock(), 0.0), LONGEST_SLEEP_S))
