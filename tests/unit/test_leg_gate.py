"""The gate alone: its table, its epochs, and followers under racing movers."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

import pytest

from appliance.control_link.words import Audience, Gate
from appliance.leg.gate import GateError, MicrophoneGate


@dataclass
class World:
    """What followed the gate."""

    shown: list[Gate] = field(default_factory=list)
    capture: list[bool] = field(default_factory=list)
    woken: int = 0

    def wake(self) -> None:
        self.woken += 1

    def gate(self) -> MicrophoneGate:
        return MicrophoneGate(self.shown.append, self.capture.append, self.wake)


def state_of(gate: MicrophoneGate) -> Gate:
    """The state now; a function, so that the type checker does not believe it stays."""
    return gate.state


def test_the_moment_of_consent_is_that_of_this_opening_only() -> None:
    gate = World().gate()
    gate.arm("s")
    for _ in range(2):
        epoch = gate.prepare("button")
        assert gate.consented_at == math.inf
        before = time.monotonic()
        gate.consent(epoch, Audience.EVERYONE)
        assert before <= gate.consented_at <= time.monotonic()
        gate.close("button")
        assert gate.consented_at == math.inf


def test_opens_only_with_consent_and_a_frame() -> None:
    world = World()
    gate = world.gate()
    gate.arm("s")
    epoch = gate.prepare("button")
    assert state_of(gate) is Gate.OPENING
    assert not gate.frame_ready()
    gate.consent(epoch, Audience.AGENT)
    assert state_of(gate) is Gate.OPEN
    assert gate.frame_ready()
    assert world.shown == [Gate.OPENING, Gate.OPEN]
    assert world.capture == [True]
    assert [t.gate for t in gate.transitions()] == [Gate.OPENING, Gate.OPEN]


def test_consent_before_the_frame_opens_with_the_frame() -> None:
    gate = World().gate()
    gate.arm("s")
    gate.consent(gate.prepare("button"), Audience.EVERYONE)
    assert state_of(gate) is Gate.OPENING
    assert gate.frame_ready()
    assert state_of(gate) is Gate.OPEN


def test_consent_for_a_closed_epoch_is_stale() -> None:
    world = World()
    gate = world.gate()
    gate.arm("s")
    old = gate.prepare("button")
    assert gate.close("button") is Gate.OPENING
    with pytest.raises(GateError) as refused:
        gate.consent(old, Audience.EVERYONE)
    assert refused.value.code == "stale"
    new = gate.prepare("button")
    with pytest.raises(GateError):
        gate.consent(old, Audience.EVERYONE)
    gate.frame_ready()
    assert state_of(gate) is Gate.OPENING
    assert new != old
    assert world.capture == [True, False, True]


def test_unarmed_gate_does_not_open() -> None:
    gate = World().gate()
    with pytest.raises(GateError) as refused:
        gate.prepare("button")
    assert refused.value.code == "not_in_call"
    gate.arm("s")
    epoch = gate.prepare("button")
    gate.disarm("end")
    with pytest.raises(GateError):
        gate.consent(epoch, Audience.EVERYONE)
    assert state_of(gate) is Gate.CLOSED


def test_close_for_an_epoch_leaves_a_later_one_alone() -> None:
    gate = World().gate()
    gate.arm("s")
    old = gate.prepare("a")
    gate.close("a")
    gate.prepare("b")
    assert gate.close("timeout", old) is Gate.CLOSED
    assert state_of(gate) is Gate.OPENING


def test_audience_changes_while_open() -> None:
    gate = World().gate()
    gate.arm("s")
    epoch = gate.prepare("a")
    gate.frame_ready()
    gate.consent(epoch, Audience.AGENT)
    gate.transitions()
    gate.consent(epoch, Audience.EVERYONE)
    (moved,) = gate.transitions()
    assert (moved.gate, moved.audience) == (Gate.OPEN, Audience.EVERYONE)


def test_racing_movers_leave_lamp_and_microphone_with_the_gate() -> None:
    world = World()
    gate = world.gate()
    gate.arm("s")

    def press() -> None:
        for _ in range(300):
            if gate.close("button") is Gate.CLOSED:
                gate.prepare("button")

    def agree() -> None:
        for _ in range(300):
            gate.frame_ready()
            try:
                gate.consent(gate.epoch, Audience.EVERYONE)
            except GateError:
                continue

    threads = [threading.Thread(target=target) for target in (press, press, agree, agree)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (world.shown or [Gate.CLOSED])[-1] is gate.state
    assert (world.capture or [False])[-1] is (gate.state is not Gate.CLOSED)
    gate.close("end")
    assert world.shown[-1] is Gate.CLOSED
    assert world.capture[-1] is False


def test_microphone_is_stopped_between_two_presses_that_race() -> None:
    """The second comes before the microphone has heard of the closing between them."""

    def lamp(shown: Gate) -> None:
        until = time.monotonic() + 20
        while shown is Gate.CLOSED and state_of(gate) is Gate.CLOSED and time.monotonic() < until:
            time.sleep(0.001)

    capture: list[bool] = []
    gate = MicrophoneGate(lamp, capture.append, lambda: None)
    gate.arm("s")
    gate.prepare("button")
    closing = threading.Thread(target=gate.close, args=("button",))
    closing.start()
    while state_of(gate) is not Gate.CLOSED:
        time.sleep(0.001)
    gate.prepare("control")
    closing.join(30)
    assert capture == [True, False, True]


def test_frame_of_another_epoch_opens_nothing() -> None:
    gate = World().gate()
    gate.arm("s")
    old = gate.prepare("button")
    gate.close("button")
    gate.consent(gate.prepare("button"), Audience.EVERYONE)
    assert not gate.frame_ready(old)
    assert state_of(gate) is Gate.OPENING
    assert not gate.has_frame
    assert gate.frame_ready(gate.epoch)
    assert not gate.frame_ready(old)


def test_withdrawing_closes_what_was_consented_to_and_nothing_else() -> None:
    gate = World().gate()
    gate.arm("s")
    assert gate.withdraw("media") is Gate.CLOSED
    epoch = gate.prepare("button")
    assert gate.withdraw("media") is Gate.CLOSED
    assert (gate.state, gate.epoch) == (Gate.OPENING, epoch)
    gate.consent(epoch, Audience.EVERYONE)
    assert gate.withdraw("media") is Gate.OPENING
    assert not gate.frame_ready()
    epoch = gate.prepare("button")
    gate.frame_ready()
    gate.consent(epoch, Audience.EVERYONE)
    assert gate.withdraw("media") is Gate.OPEN
    assert gate.state is Gate.CLOSED
    assert not gate.frame_ready()
    with pytest.raises(GateError):
        gate.consent(epoch, Audience.EVERYONE)


def test_lamp_that_fails_does_not_keep_the_microphone_running() -> None:
    def lamp(gate: Gate) -> None:
        if gate is Gate.CLOSED:
            raise RuntimeError("the lamp is broken")

    capture: list[bool] = []
    gate = MicrophoneGate(lamp, capture.append, lambda: None)
    gate.arm("s")
    gate.prepare("button")
    with pytest.raises(RuntimeError):
        gate.close("button")
    assert capture == [True, False]
