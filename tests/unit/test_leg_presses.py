"""What the buttons do, with the real leg and gate; headset, lamps and the call are stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance.audio.headset import CaptureSink
from appliance.control_link.base import Message
from appliance.control_link.events import Pressed, Snapshot, UnmuteRequested
from appliance.control_link.framing import encode
from appliance.control_link.states import HeadsetState, Lamps
from appliance.control_link.words import Action, Audience, Button, EndReason, Gate, Media
from appliance.leg.call import Call
from appliance.leg.cues import Cue, cue
from appliance.leg.gate import GateError
from appliance.leg.leg import Leg
from appliance.leg.opus import Samples
from appliance.leg.presses import MAX_PRESSES, TALK_HOLD_S, Presses
from appliance.leg.settings import LegSettings

HERE = HeadsetState(present=True, playing=True)


@dataclass
class Headset:
    """Says what the test says, and tells when the microphone is stopped."""

    state: HeadsetState = HERE
    capturing: bool = False
    stopped: Callable[[], None] = lambda: None

    def running(self) -> bool:
        return self.capturing

    def start_capture(self, sink: CaptureSink) -> None:
        self.capturing = True

    def stop_capture(self) -> None:
        self.capturing = False
        self.stopped()


class Panel:
    """A panel that nobody looks at."""

    def show(self, microphone: object = None, status: object = None) -> None:
        return


@dataclass
class Connected:
    """A call as the buttons see it."""

    session_id: str = "s"
    media: Media = Media.CONNECTED

    async def close(self) -> None:
        self.media = Media.ENDED


@dataclass
class Box:
    """A leg with its buttons."""

    leg: Leg
    headset: Headset
    events: list[Message]
    heard: list[Samples]
    control: bool = True
    presses: Presses = field(init=False)

    def buttons(self, *, push_to_talk: bool = False) -> Presses:
        self.presses = Presses(
            self.leg,
            push_to_talk=push_to_talk,
            emit=self.events.append,
            soon=self.leg._soon,
            control_is_there=lambda: self.control,
        )
        return self.presses

    def monitor(self, media: Media = Media.CONNECTED) -> None:
        """As after a join."""
        self.leg.call = cast(Call, Connected(media=media))
        if media is Media.CONNECTED:
            self.leg.gate.arm("s")

    def open(self) -> None:
        gate = self.leg.gate
        gate.consent(gate.prepare("control"), Audience.EVERYONE)
        gate.frame_ready()
        assert gate.state is Gate.OPEN

    def press(self, at: float = 1.0, held: float = 0.1) -> None:
        """The microphone button, with the panel's own sequence."""
        if not self.presses.microphone_edge(at):
            self.presses.microphone_pressed(at)
        self.presses.microphone_released(at + held, held)

    def told(self) -> list[tuple[Action, str | None]]:
        return [(press.action, press.session_id) for press in self.presses.kept()]

    def in_call(self) -> bool:
        return self.leg.call is not None

    def gate(self) -> Gate:
        return self.leg.gate.state

    def tones(self, which: Cue) -> int:
        return sum(samples is cue(which) for samples in self.heard)


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    headset, events, heard = Headset(), list[Message](), list[Samples]()
    leg = Leg(
        LegSettings(consent_timeout_s=0.3),
        Panel(),
        lambda source, on_change: headset,
        events.append,
        lambda: None,
    )
    monkeypatch.setattr(leg.downlink, "play", heard.append)
    box = Box(leg, headset, events, heard)
    box.buttons()
    yield box
    leg.gate.disarm("end")
    await asyncio.sleep(0)


async def test_press_in_idle_is_kept_and_does_nothing(box: Box) -> None:
    box.press()
    assert box.told() == [(Action.IGNORED, None)]
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()


async def test_press_asks_and_the_next_takes_it_back(box: Box) -> None:
    box.monitor()
    box.press(1.0)
    assert box.gate() is Gate.OPENING
    assert box.headset.running()
    await asyncio.sleep(0.01)
    (asked,) = [event for event in box.events if isinstance(event, UnmuteRequested)]
    assert (asked.session_id, asked.epoch) == ("s", box.leg.gate.epoch)
    box.press(2.0)
    assert box.told() == [(Action.UNMUTE_ASKED, "s"), (Action.UNMUTE_CANCELLED, "s")]
    assert not box.headset.running()
    with pytest.raises(GateError):
        box.leg.gate.consent(asked.epoch, Audience.EVERYONE)


async def test_press_on_an_open_gate_mutes_and_asks_for_nothing(box: Box) -> None:
    box.monitor()
    box.open()
    box.press()
    assert box.told() == [(Action.MUTED, "s")]
    assert box.gate() is Gate.CLOSED


@pytest.mark.parametrize(
    ("media", "control", "headset"),
    [
        (Media.CONNECTING, True, HERE),
        (Media.INTERRUPTED, True, HERE),
        (Media.CONNECTED, False, HERE),
        (Media.CONNECTED, True, HeadsetState()),
    ],
)
async def test_unmute_that_cannot_be_is_refused_in_the_ear(
    box: Box, media: Media, control: bool, headset: HeadsetState
) -> None:
    box.monitor(media)
    box.control = control
    box.headset.state = headset
    box.press()
    await asyncio.sleep(0.01)
    assert box.told() == [(Action.UNMUTE_REFUSED, "s")]
    assert box.tones(Cue.REFUSED) == 1
    assert not box.headset.running()
    assert not any(isinstance(event, UnmuteRequested) for event in box.events)


async def test_mute_works_without_control(box: Box) -> None:
    box.monitor()
    box.open()
    box.control = False
    box.press()
    assert box.gate() is Gate.CLOSED


async def test_unanswered_unmute_closes_and_asking_again_does_not_put_it_off(box: Box) -> None:
    box.monitor()
    first = box.leg.prepare("control")
    for _ in range(12):
        await asyncio.sleep(0.05)
        if box.gate() is Gate.CLOSED:
            break
        assert box.leg.prepare("control") == first
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()
    assert box.tones(Cue.REFUSED) == 1


async def test_time_out_of_a_former_unmute_leaves_none_without(box: Box) -> None:
    """Two threads ask, and the loop hears of the first after it has heard of the second."""
    box.monitor()
    former = box.leg.prepare("button")
    box.leg.gate.close("button")
    box.leg.prepare("control")
    box.leg._soon(box.leg._await_consent, former)
    await asyncio.sleep(0.6)
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()


async def test_live_microphone_that_stops_is_muted(box: Box) -> None:
    box.monitor()
    box.headset.state = HERE.model_copy(update={"capturing": True})
    box.open()
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.OPEN
    box.headset.state = HERE
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.CLOSED


async def test_opening_waits_for_a_microphone_that_is_about_to_run(box: Box) -> None:
    box.monitor()
    box.leg.prepare("button")
    box.leg._headset_changed(HERE)
    assert box.gate() is Gate.OPENING


async def test_unplugged_headset_mutes(box: Box) -> None:
    box.monitor()
    box.leg.prepare("button")
    box.headset.state = HeadsetState()
    box.leg._headset_changed(box.headset.state)
    assert box.gate() is Gate.CLOSED


async def test_press_is_told_with_the_session_that_it_muted(box: Box) -> None:
    """The call ends in the loop's thread while the button closes the gate."""
    box.monitor()
    box.open()

    def end() -> None:
        box.leg.call = None

    box.headset.stopped = end
    box.press()
    assert box.told()[0] == (Action.MUTED, "s")


# -- push-to-talk


@pytest.mark.parametrize(
    ("answered", "action"), [(True, Action.MUTED), (False, Action.UNMUTE_CANCELLED)]
)
async def test_push_to_talk_ends_with_the_release(box: Box, answered: bool, action: Action) -> None:
    presses = box.buttons(push_to_talk=True)
    box.monitor()
    assert not presses.microphone_edge(1.0)
    presses.microphone_pressed(1.01)
    if answered:
        box.leg.gate.consent(box.leg.gate.epoch, Audience.EVERYONE)
        box.leg.gate.frame_ready()
    presses.microphone_released(1.0 + TALK_HOLD_S, TALK_HOLD_S)
    assert box.gate() is Gate.CLOSED
    assert box.told()[1:] == [(action, "s")]


@pytest.mark.parametrize(("push_to_talk", "held"), [(True, TALK_HOLD_S - 0.01), (False, 3.0)])
async def test_release_after_a_tap_or_without_the_setting_changes_nothing(
    box: Box, push_to_talk: bool, held: float
) -> None:
    box.buttons(push_to_talk=push_to_talk)
    box.monitor()
    box.press(held=held)
    assert box.gate() is Gate.OPENING
    box.leg.gate.consent(box.leg.gate.epoch, Audience.EVERYONE)
    box.leg.gate.frame_ready()
    assert box.gate() is Gate.OPEN


async def test_held_button_that_muted_does_not_unmute_or_mute_again(box: Box) -> None:
    box.buttons(push_to_talk=True)
    box.monitor()
    box.open()
    box.press(held=2.0)
    assert box.told() == [(Action.MUTED, "s")]
    assert box.gate() is Gate.CLOSED


# -- hang-up


async def test_hang_up_mutes_in_its_own_thread_and_leaves_on_the_loop(box: Box) -> None:
    box.monitor()
    box.open()
    box.presses.hang_up_pressed(1.0)
    assert box.gate() is Gate.CLOSED
    assert box.in_call()
    await asyncio.sleep(0.01)
    assert not box.in_call()
    assert box.leg.last_ended is not None
    assert box.leg.last_ended.reason is EndReason.HUNG_UP
    assert box.told() == [(Action.HUNG_UP, "s")]
    box.presses.hang_up_pressed(2.0)  # in a panic
    assert box.told()[1:] == [(Action.IGNORED, None)]


async def test_hang_up_held_while_listening_asks_for_the_next_once(box: Box) -> None:
    box.monitor()
    box.presses.hang_up_pressed(1.0)
    await asyncio.sleep(0.01)
    box.presses.hang_up_held(2.5)
    box.presses.hang_up_held(2.6)
    assert [action for action, _ in box.told()] == [Action.HUNG_UP, Action.NEXT_ASKED]


@pytest.mark.parametrize("media", [None, Media.CONNECTING, Media.INTERRUPTED])
async def test_hang_up_held_without_listening_asks_for_nothing(
    box: Box, media: Media | None
) -> None:
    if media is not None:
        box.monitor(media)
    box.presses.hang_up_pressed(1.0)
    await asyncio.sleep(0.01)
    box.presses.hang_up_held(2.5)
    assert Action.NEXT_ASKED not in [action for action, _ in box.told()]


@pytest.mark.parametrize("busy", [True, False])
async def test_both_held_is_for_idle_only(box: Box, busy: bool) -> None:
    if busy:
        box.monitor()
    box.presses.both_held(10.0)
    assert [action for action, _ in box.told()] == ([] if busy else [Action.PROVISIONING_ASKED])


# -- kept presses


async def test_presses_are_numbered_told_and_kept_until_acknowledged(box: Box) -> None:
    for at in range(3):
        box.press(float(at))
    await asyncio.sleep(0.01)
    told = [event.press for event in box.events if isinstance(event, Pressed)]
    assert told == box.presses.kept()
    assert [press.number for press in told] == [1, 2, 3]
    box.presses.acknowledge(2)
    box.presses.acknowledge(1)
    assert [press.number for press in box.presses.kept()] == [3]
    box.presses.acknowledge(2**40)
    assert box.presses.kept() == []
    box.press(4.0)
    assert [press.number for press in box.presses.kept()] == [4]


async def test_kept_presses_are_bounded_and_always_fit_into_a_snapshot(box: Box) -> None:
    session_id = "s" * 64
    for _ in range(MAX_PRESSES + 10):
        box.presses._keep(Button.HANG_UP, Action.PROVISIONING_ASKED, 1234567.123456789, session_id)
    kept = box.presses.kept()
    assert len(kept) == MAX_PRESSES
    assert kept[-1].number == MAX_PRESSES + 10
    snapshot = Snapshot(
        leg_id="l",
        board="virtual",
        call=None,
        last_ended=None,
        headset=HERE,
        lamps=Lamps(),
        volume=80,
        presses=kept,
    )
    assert encode(snapshot).endswith(b"\n")
