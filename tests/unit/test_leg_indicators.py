"""Lamps and earcons: the panel table of the design, line by line, and nothing that lies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from appliance.audio.headset import CaptureSink
from appliance.control_link.states import CheckResult, HeadsetState
from appliance.control_link.words import Audience, Gate, LampPattern
from appliance.leg import self_test as self_test_module
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.leg.gate import MicrophoneGate
from appliance.leg.indicators import Indicators, Phase, Trouble
from appliance.leg.self_test import self_test

OFF, ON = LampPattern.OFF, LampPattern.ON
SHORT, SLOW = LampPattern.SHORT_BLINK, LampPattern.SLOW_BLINK
BREATHE, DOUBLE = LampPattern.SLOW_BREATHE, LampPattern.FAST_DOUBLE_BLINK
QUICK = LampPattern.QUICK_BLINK


@dataclass
class Panel:
    """Both lamps and the ear, as they are now and were."""

    lamps: tuple[LampPattern | None, LampPattern | None] = (None, None)
    microphone: list[LampPattern | None] = field(default_factory=list)
    heard: list[Samples] = field(default_factory=list)
    told: int = 0

    def show(
        self, microphone: LampPattern | None = None, status: LampPattern | None = None
    ) -> None:
        self.lamps = (microphone, status)
        self.microphone.append(microphone)

    def changed(self) -> None:
        self.told += 1

    def checks(self) -> list[CheckResult]:
        return []

    def tones(self) -> list[Cue]:
        return [which for samples in self.heard for which in Cue if cue(which) is samples]


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def indicators(panel: Panel) -> Indicators:
    return Indicators(panel, panel.heard.append, panel.changed)


TABLE = [
    (Phase.STARTING, OFF, SLOW),
    (Phase.IDLE, OFF, ON),
    (Phase.JOINING, SHORT, ON),
    (Phase.LISTENING, BREATHE, ON),
    (Phase.RECONNECTING, SHORT, SHORT),
    (Phase.FAULT, OFF, DOUBLE),
]


@pytest.mark.parametrize(("phase", "microphone", "status"), TABLE)
def test_lamps_of_each_phase(
    panel: Panel,
    indicators: Indicators,
    phase: Phase,
    microphone: LampPattern,
    status: LampPattern,
) -> None:
    indicators.show_phase(phase)
    assert panel.lamps == (microphone, status)
    assert panel.told == 1


@pytest.mark.parametrize(("phase", "microphone", "status"), TABLE)
def test_steady_microphone_lamp_means_open_and_nothing_else(
    panel: Panel,
    indicators: Indicators,
    phase: Phase,
    microphone: LampPattern,
    status: LampPattern,
) -> None:
    indicators.show_phase(phase)
    indicators.show_gate(Gate.OPENING)
    assert panel.lamps[0] is microphone
    indicators.show_gate(Gate.OPEN)
    assert panel.lamps == (ON, status)
    indicators.show_gate(Gate.CLOSED)
    assert panel.lamps == (microphone, status)


@pytest.mark.parametrize("phase", list(Phase))
def test_lost_headset_is_shown_and_the_microphone_lamp_goes_on_following_the_gate(
    panel: Panel, indicators: Indicators, phase: Phase
) -> None:
    indicators.show_phase(phase)
    before = panel.lamps
    indicators.show_trouble(Trouble.HEADSET, there=True)
    urgent = (Phase.STARTING, Phase.RECONNECTING)
    assert panel.lamps == (before[0], before[1] if phase in urgent else DOUBLE)
    indicators.show_gate(Gate.OPEN)
    assert panel.lamps[0] is ON
    indicators.show_gate(Gate.CLOSED)
    indicators.show_trouble(Trouble.HEADSET, there=False)
    assert panel.lamps == before
    assert Cue.FAULT not in panel.tones()  # there was no ear to hear it


def test_lost_control_is_shown_and_heard_once(panel: Panel, indicators: Indicators) -> None:
    indicators.show_phase(Phase.IDLE)
    for _ in range(3):
        indicators.show_trouble(Trouble.CONTROL, there=True)
    assert panel.lamps == (OFF, DOUBLE)
    assert panel.tones() == [Cue.FAULT]
    indicators.show_trouble(Trouble.HEADSET, there=True)
    indicators.show_trouble(Trouble.CONTROL, there=False)
    assert panel.lamps == (OFF, DOUBLE)
    indicators.show_trouble(Trouble.HEADSET, there=False)
    assert panel.lamps == (OFF, ON)
    assert panel.tones() == [Cue.FAULT]


def test_earcons_of_a_call(panel: Panel, indicators: Indicators) -> None:
    steps: list[tuple[Callable[[], None], list[Cue]]] = [
        (lambda: indicators.show_phase(Phase.IDLE), []),
        (lambda: indicators.show_phase(Phase.JOINING), []),
        (lambda: indicators.show_phase(Phase.LISTENING), [Cue.JOINED]),
        (lambda: indicators.show_gate(Gate.OPENING), []),
        (lambda: indicators.show_gate(Gate.CLOSED), []),
        (lambda: indicators.show_gate(Gate.OPENING), []),
        (lambda: indicators.show_gate(Gate.OPEN), [Cue.OPENED]),
        (lambda: indicators.show_gate(Gate.CLOSED), [Cue.CLOSED]),
        (lambda: indicators.show_phase(Phase.RECONNECTING), [Cue.GAP]),
        (lambda: indicators.show_phase(Phase.RECONNECTING), []),
        (lambda: indicators.show_phase(Phase.LISTENING), []),
        (lambda: indicators.show_phase(Phase.IDLE), []),
    ]
    for act, tones in steps:
        panel.heard.clear()
        act()
        assert panel.tones() == tones


def test_lamp_and_tone_follow_the_gate_itself(panel: Panel, indicators: Indicators) -> None:
    gate = MicrophoneGate(indicators.show_gate, lambda on: None, lambda: None)
    indicators.show_phase(Phase.LISTENING)
    gate.arm("s")
    epoch = gate.prepare("button")
    gate.consent(epoch, Audience.EVERYONE)
    assert panel.lamps[0] is BREATHE, "lit before the microphone gave anything"
    gate.frame_ready()
    assert panel.lamps[0] is ON
    gate.disarm("media")
    assert panel.lamps[0] is BREATHE
    assert panel.tones() == [Cue.OPENED, Cue.CLOSED]


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("gate", list(Gate))
def test_a_watched_call_is_announced_in_calm_moments_only_and_never_by_the_microphone_lamp(
    panel: Panel, indicators: Indicators, phase: Phase, gate: Gate
) -> None:
    indicators.show_phase(phase)
    indicators.show_gate(gate)
    before = panel.lamps
    panel.heard.clear()
    calm = phase in (Phase.IDLE, Phase.LISTENING) and gate is Gate.CLOSED
    assert indicators.show_announcement() is calm
    assert panel.lamps == (before[0], QUICK if calm else before[1])
    assert panel.tones() == ([Cue.WATCHED] if calm else [])
    indicators.end_announcement()
    assert panel.lamps == before


@pytest.mark.parametrize(
    "happens",
    [
        lambda indicators: indicators.show_phase(Phase.JOINING),
        lambda indicators: indicators.show_phase(Phase.IDLE),
        lambda indicators: indicators.show_gate(Gate.OPENING),
        lambda indicators: indicators.show_gate(Gate.OPEN),
        lambda indicators: indicators.show_trouble(Trouble.CONTROL, there=True),
        lambda indicators: indicators.show_test(microphone_runs=True),
    ],
)
def test_whatever_happens_ends_an_announcement(
    panel: Panel, indicators: Indicators, happens: Callable[[Indicators], None]
) -> None:
    indicators.show_phase(Phase.LISTENING)
    indicators.show_announcement()
    happens(indicators)
    assert panel.lamps[1] is not QUICK
    lamps = panel.lamps
    indicators.end_announcement()
    assert panel.lamps == lamps


def test_trouble_is_shown_whatever_is_announced(panel: Panel, indicators: Indicators) -> None:
    indicators.show_phase(Phase.IDLE)
    indicators.show_trouble(Trouble.HEADSET, there=True)
    assert indicators.show_announcement()
    assert panel.lamps == (OFF, DOUBLE)


def test_nothing_is_announced_into_the_self_test(panel: Panel, indicators: Indicators) -> None:
    indicators.show_phase(Phase.IDLE)
    indicators.show_test(microphone_runs=True)
    assert not indicators.show_announcement()
    assert panel.tones() == []


class Headset:
    """A microphone that runs when it is asked to; the test looks in at that moment."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.state = HeadsetState(present=True, playing=True, name="H")
        self.capturing = False
        self._meanwhile = meanwhile

    def start_capture(self, sink: CaptureSink) -> None:
        self.capturing = True
        sink.push(np.full(480, 3_000, np.int16), 0.0)
        asyncio.get_running_loop().call_soon(self._meanwhile)

    def stop_capture(self) -> None:
        self.capturing = False


async def test_self_test_lights_the_lamp_as_long_as_the_microphone_runs(
    panel: Panel, indicators: Indicators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test_module, "LISTEN_S", 0.05)
    seen: list[tuple[bool, LampPattern | None]] = []

    def meanwhile() -> None:
        # Unplugged in the middle of it: the other lamp changes.
        indicators.show_trouble(Trouble.HEADSET, there=True)
        seen.append((headset.capturing, panel.lamps[0]))

    headset = Headset(meanwhile)
    indicators.show_phase(Phase.IDLE)
    results = await self_test(headset, panel, indicators.show_test)
    assert seen == [(True, ON)]
    assert not headset.capturing
    assert panel.lamps == (OFF, DOUBLE), "what changed during the test was put back"
    assert [result.passed for result in results] == [True, True, True]


async def test_cut_short_self_test_leaves_no_microphone_and_no_lamp(
    panel: Panel, indicators: Indicators
) -> None:
    running = asyncio.Event()
    headset = Headset(running.set)
    indicators.show_phase(Phase.IDLE)
    test = asyncio.create_task(self_test(headset, panel, indicators.show_test))
    await running.wait()
    assert panel.lamps[0] is ON
    test.cancel()
    await asyncio.gather(test, return_exceptions=True)
    assert not headset.capturing
    assert panel.lamps == (OFF, ON)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("gate", list(Gate))
def test_both_lamps_tell_of_a_recovery_in_idle_only_and_never_steadily(
    panel: Panel, indicators: Indicators, phase: Phase, gate: Gate
) -> None:
    indicators.show_phase(phase)
    indicators.show_gate(gate)
    before = panel.lamps
    indicators.show_recovery(True)
    idle = (ON if gate is Gate.OPEN else QUICK, QUICK)
    assert panel.lamps == (idle if phase is Phase.IDLE else before)
    indicators.show_recovery(False)
    assert panel.lamps == before


@pytest.mark.parametrize(
    "happens",
    [
        lambda indicators: indicators.show_phase(Phase.JOINING),
        lambda indicators: indicators.show_trouble(Trouble.CONTROL, there=True),
    ],
)
def test_a_call_or_a_lost_control_ends_the_sign_of_a_recovery(
    panel: Panel, indicators: Indicators, happens: Callable[[Indicators], None]
) -> None:
    indicators.show_phase(Phase.IDLE)
    indicators.show_recovery(True)
    happens(indicators)
    assert QUICK not in panel.lamps
    indicators.show_trouble(Trouble.CONTROL, there=False)
    assert QUICK not in panel.lamps
