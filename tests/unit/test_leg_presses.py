"""What the buttons do, with the real leg and gate; headset, lamps and the call are stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from appliance.control_link.events import Pressed, UnmuteRequested
from appliance.control_link.framing import encode
from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Action, Audience, Button, EndReason, Gate, Media
from appliance.leg.call import CallError
from appliance.leg.cues import Cue
from appliance.leg.gate import GateError
from appliance.leg.presses import MAX_PRESSES, TALK_HOLD_S
from tests.support.button_box import Box, button_box
from tests.support.leg_parts import HERE, snapshot


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    async with button_box(monkeypatch) as box:
        yield box


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
        (Media.LOST, True, HERE),
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


@pytest.mark.parametrize("media", [None, Media.CONNECTING, Media.INTERRUPTED, Media.LOST])
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
    assert encode(snapshot(presses=kept)).endswith(b"\n")


async def test_a_password_is_set_anew_in_idle_only(box: Box) -> None:
    box.leg.show_recovery(True)
    box.monitor()
    with pytest.raises(CallError):
        box.leg.show_recovery(True)
    box.leg.show_recovery(False)


async def test_both_held_in_a_call_mutes_and_leaves_and_nothing_else(box: Box) -> None:
    box.monitor()
    box.open()
    box.press(1.0, held=10.0)
    assert box.gate() is Gate.CLOSED
    box.presses.hang_up_pressed(1.1)
    async with asyncio.timeout(5):
        while box.in_call():
            await asyncio.sleep(0.01)
    box.presses.both_held(11.1)  # the call was left ten seconds ago
    assert [action for action, _ in box.told()] == [
        Action.MUTED,
        Action.HUNG_UP,
    ]
