"""Lamp patterns, and lamps that never lie."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from appliance.control_link.words import LampPattern
from appliance.panel.board import load_board
from appliance.panel.errors import PanelError
from appliance.panel.lamps import LampChange, Lamps
from appliance.panel.patterns import RHYTHMS, STEADY, Lamp, level_at
from appliance.panel.pins import LampOutput, PanelPins, open_pins

ANIMATED = [pattern for pattern in LampPattern if pattern not in STEADY]


@pytest.fixture
def pins() -> Iterator[PanelPins]:
    pins = open_pins(load_board("virtual"))
    yield pins
    pins.close()


def level(pins: PanelPins, lamp: Lamp) -> float:
    return float(pins.lamps[lamp]._device.pin.state)


def cycle(pattern: LampPattern, can_dim: bool, seconds: float) -> list[tuple[float, float]]:
    """Levels and when each begins."""
    at = 0.0
    steps: list[tuple[float, float]] = []
    while at < seconds:
        now_level, stays = level_at(pattern, at, can_dim)
        assert stays > 0
        if not steps or steps[-1][1] != now_level:
            steps.append((round(at, 3), now_level))
        at += stays
    return steps


@pytest.mark.parametrize("can_dim", [True, False])
@pytest.mark.parametrize("pattern", ANIMATED)
def test_animated_patterns_start_dark_and_are_never_steady(
    pattern: LampPattern, can_dim: bool
) -> None:
    assert level_at(pattern, 0.0, can_dim)[0] == 0.0
    steps = cycle(pattern, can_dim, 8.0)
    assert {0.0} < {now_level for _, now_level in steps}
    assert steps == cycle(pattern, can_dim, 8.0)


def test_the_rhythms() -> None:
    assert cycle(LampPattern.SHORT_BLINK, False, 2.0) == [
        (0.0, 0.0), (0.85, 1.0), (1.0, 0.0), (1.85, 1.0),
    ]  # fmt: skip
    assert cycle(LampPattern.SLOW_BLINK, False, 4.0) == [
        (0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (3.0, 1.0),
    ]  # fmt: skip
    assert cycle(LampPattern.FAST_DOUBLE_BLINK, True, 1.0) == [
        (0.0, 0.0), (0.64, 1.0), (0.76, 0.0), (0.88, 1.0),
    ]  # fmt: skip
    assert cycle(LampPattern.QUICK_BLINK, True, 1.0) == [
        (0.0, 0.0), (0.25, 1.0), (0.5, 0.0), (0.75, 1.0),
    ]  # fmt: skip
    assert cycle(LampPattern.SLOW_BREATHE, False, 6.0) == [
        (0.0, 0.0), (2.5, 1.0), (3.0, 0.0), (5.5, 1.0),
    ]  # fmt: skip
    assert len({RHYTHMS[pattern] for pattern in ANIMATED}) == len(ANIMATED)
    assert all(seconds >= 0.1 for rhythm in RHYTHMS.values() for _, seconds in rhythm)


def test_the_steady_patterns() -> None:
    assert level_at(LampPattern.ON, 1e6, True) == (1.0, math.inf)
    assert level_at(LampPattern.OFF, 1e6, False) == (0.0, math.inf)


def test_breathing_is_smooth_and_below_the_steady_lamp() -> None:
    steps = cycle(LampPattern.SLOW_BREATHE, True, 4.0)
    levels = [now_level for _, now_level in steps]
    assert max(levels) == 0.6
    assert all(abs(b - a) < 0.05 for a, b in pairwise(levels))
    assert steps == [(at, lv) for at, lv in cycle(LampPattern.SLOW_BREATHE, True, 8.0) if at < 4]


@pytest.mark.parametrize("pattern", list(LampPattern))
def test_the_first_level_is_there_without_any_thread(pins: PanelPins, pattern: LampPattern) -> None:
    lamps = Lamps(pins.lamps)
    for before in LampPattern:
        lamps.show(microphone=before)
        lamps.show(microphone=pattern)
        assert level(pins, Lamp.MICROPHONE) == (1.0 if pattern is LampPattern.ON else 0.0)
        assert level(pins, Lamp.STATUS) == 0.0
    assert lamps.patterns() == {Lamp.MICROPHONE: pattern, Lamp.STATUS: LampPattern.OFF}


def test_a_pattern_shown_again_keeps_its_rhythm(pins: PanelPins) -> None:
    now = 100.0
    lamps = Lamps(pins.lamps, clock=lambda: now)
    lamps.show(status=LampPattern.SLOW_BLINK)
    now = 101.5
    lamps.turn(now)
    assert level(pins, Lamp.STATUS) == 1.0
    lamps.show(status=LampPattern.SLOW_BLINK)
    assert level(pins, Lamp.STATUS) == 1.0
    lamps.turn(102.0)
    assert level(pins, Lamp.STATUS) == 0.0


def test_every_change_is_told_in_order(pins: PanelPins) -> None:
    changes: list[LampChange] = []
    now = 5.0
    lamps = Lamps(pins.lamps, observer=changes.append, clock=lambda: now)
    assert [(change.lamp, change.level) for change in changes] == [
        (Lamp.MICROPHONE, 0.0),
        (Lamp.STATUS, 0.0),
    ]
    changes.clear()
    lamps.show(microphone=LampPattern.ON, status=LampPattern.ON)
    lamps.show(microphone=LampPattern.ON)
    lamps.show(microphone=LampPattern.SHORT_BLINK)
    due = lamps.turn(now)
    lamps.turn(due)
    assert changes == [
        LampChange(Lamp.MICROPHONE, LampPattern.ON, 1.0, 5.0),
        LampChange(Lamp.STATUS, LampPattern.ON, 1.0, 5.0),
        LampChange(Lamp.MICROPHONE, LampPattern.SHORT_BLINK, 0.0, 5.0),
        LampChange(Lamp.MICROPHONE, LampPattern.SHORT_BLINK, 1.0, 5.85),
    ]


def test_the_lamp_thread_never_writes_over_a_newer_pattern(pins: PanelPins) -> None:
    lamps = Lamps(pins.lamps)
    lamps.start()
    rng = random.Random(7)
    patterns = list(LampPattern)
    lies: list[str] = []

    def hurry() -> None:
        for _ in range(2000):
            lamps.turn(rng.uniform(0, 1e6))

    others = [threading.Thread(target=hurry) for _ in range(2)]
    for other in others:
        other.start()
    for _ in range(2000):
        lamps.show(microphone=rng.choice(patterns))
        steady = rng.choice([LampPattern.OFF, LampPattern.ON])
        lamps.show(microphone=steady)
        if level(pins, Lamp.MICROPHONE) != STEADY[steady]:
            lies.append(steady)
    for other in others:
        other.join()
    lamps.stop()
    assert lies == []


def test_the_thread_animates_and_stop_darkens(pins: PanelPins) -> None:
    lit = threading.Event()

    def seen(change: LampChange) -> None:
        if change.level > 0:
            lit.set()

    lamps = Lamps(pins.lamps, observer=seen)
    lamps.start()
    lamps.show(microphone=LampPattern.SLOW_BREATHE)
    assert lit.wait(20)
    lamps.show(microphone=LampPattern.ON, status=LampPattern.ON)
    lamps.stop()
    assert (level(pins, Lamp.MICROPHONE), level(pins, Lamp.STATUS)) == (0.0, 0.0)
    lamps.show(microphone=LampPattern.ON)
    assert level(pins, Lamp.MICROPHONE) == 0.0


def test_a_broken_lamp_is_noticed_and_keeps_nobody_from_muting(
    pins: PanelPins, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamps = Lamps(pins.lamps)
    lamps.start()
    try:

        def broken(self: LampOutput, level: float) -> None:
            raise PanelError("The lamp is gone.")

        monkeypatch.setattr(LampOutput, "set", broken)
        lamps.show(microphone=LampPattern.ON)
        assert not lamps.well()
    finally:
        monkeypatch.undo()
        lamps.stop()


def test_a_dead_lamp_thread_is_noticed(pins: PanelPins) -> None:
    lamps = Lamps(pins.lamps)
    assert not lamps.well()
    lamps.start()
    lamps.stop()
    lamps.well()
    assert not lamps.well()
