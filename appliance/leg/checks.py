"""Headset and panel as a person checks them, in idle: the one case of an open microphone there.

What the microphone gives is measured and forgotten: no encoder and no leg exists in idle.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.control_link.base import Message
from appliance.control_link.events import CheckChanged, CheckLevel, CheckPressed
from appliance.control_link.words import Button, CheckEnd, CheckKind, Lamp
from appliance.leg.aside import Aside
from appliance.leg.call import CallError
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.leg.indicators import Indicators
from appliance.leg.ports import HeadsetPort
from appliance.service.jobs import Jobs
from appliance.service.ticks import next_tick

LEVELS_S: Final = 0.1
LIMITS_S: Final = {CheckKind.HEADSET: 30.0, CheckKind.PANEL: 120.0}
STOP_LIMIT_S: Final = 1.0


class _Ear:
    """Keeps of the microphone's sound how loud it was, and nothing else."""

    def __init__(self) -> None:
        self._loudest = SILENCE_DBFS

    def push(self, block: Samples, _at: float) -> None:
        self._loudest = max(self._loudest, dbfs(block))

    def take(self) -> float:
        """The loudest block since this was asked last, in dBFS."""
        loudest, self._loudest = self._loudest, SILENCE_DBFS
        return loudest


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One check."""

    kind: CheckKind
    until: float
    ear: _Ear = field(default_factory=_Ear)


class Checks:
    """At most one at a time. *busy* says why none may begin now, or nothing. What is
    pressed on after one is *aside*.

    `end` and `pressed` may be called from any thread, all else on the loop.
    """

    def __init__(
        self,
        headset: HeadsetPort,
        indicators: Indicators,
        *,
        play: Callable[[Samples], None],
        emit: Callable[[Message], None],
        soon: Callable[..., None],
        busy: Callable[[], str],
        aside: Aside,
    ) -> None:
        self._headset = headset
        self._indicators = indicators
        self._play = play
        self._emit = emit
        self._soon = soon
        self._busy = busy
        self._aside = aside
        self._jobs = Jobs()
        # Held while the microphone is started or stopped, so that a press in between cannot be
        # overtaken by the start. A press, a lamp and the microphone's sound never wait for it.
        self._lock = threading.Lock()
        self._run: _Run | None = None

    @property
    def running(self) -> CheckKind | None:
        """What is checked now."""
        run = self._run
        return None if run is None else run.kind

    def begin(self, kind: CheckKind) -> None:
        """Begin, in the place of one that runs. Raises `CallError` (``busy``, ``headset_lost``)."""
        self._refuse_busy()
        if kind is CheckKind.HEADSET:
            self._refuse_deaf()
        self.end(CheckEnd.ASKED)
        run = _Run(kind, time.monotonic() + LIMITS_S[kind])
        with self._lock:
            self._run = run
            if kind is CheckKind.HEADSET:
                self._indicators.show_test(microphone_runs=True)
                self._headset.start_capture(run.ear)
        self._soon(self._emit, CheckChanged(kind=kind))  # after the end of what ran
        self._jobs.spawn(self._watch(run), f"check of the {kind}")

    def end(self, why: CheckEnd, only: _Run | None = None) -> None:
        """End what runs, if it is *only* or none is given: the microphone is closed, then dark."""
        with self._lock:
            run = self._run
            if run is None or only not in (None, run):
                return
            self._aside.begin()  # first: a press sees the one or the other
            self._run = None
            if run.kind is CheckKind.HEADSET:
                self._headset.stop_capture()
                self._indicators.show_test(microphone_runs=False)
            else:
                self._indicators.show_lamp(None)
        self._soon(self._emit, CheckChanged(end=why))

    def pressed(self, button: Button) -> bool:
        """A button was pressed; true where the check took it, and it does nothing else."""
        run = self._run
        if run is None:
            return False
        if run.kind is CheckKind.HEADSET:
            self.end(CheckEnd.BUTTON, run)
        else:
            self._soon(self._emit, CheckPressed(button=button))
        return True

    def headset_gone(self) -> None:
        """The headset's check has nothing to listen to any more."""
        run = self._run
        if run is not None and run.kind is CheckKind.HEADSET:
            self.end(CheckEnd.HEADSET, run)

    def tone(self) -> None:
        """Play it. Raises `CallError` (``busy``, ``headset_lost``)."""
        self._refuse_busy()
        self._refuse_deaf()
        self._play(cue(Cue.CHECK))

    def light(self, lamp: Lamp | None) -> None:
        """Have it blink. Raises `CallError` (``no_check``)."""
        if self.running is not CheckKind.PANEL:
            raise CallError("Begin the check of the panel first.", code="no_check")
        self._indicators.show_lamp(lamp)

    async def stop(self) -> None:
        """End it for good."""
        self.end(CheckEnd.CONTROL)
        await self._jobs.finish(STOP_LIMIT_S)

    async def _watch(self, run: _Run) -> None:
        while self._run is run:
            await next_tick(LEVELS_S)
            if time.monotonic() >= run.until:
                self.end(CheckEnd.TIME, run)
            elif run.kind is CheckKind.HEADSET and self._run is run:
                self._emit(CheckLevel(level=round(run.ear.take(), 1)))

    def _refuse_busy(self) -> None:
        if words := self._busy():
            raise CallError(words, code="busy")

    def _refuse_deaf(self) -> None:
        if not self._headset.state.playing:
            raise CallError("No headset plays. Plug one in.", code="headset_lost")
