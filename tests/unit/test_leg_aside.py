"""Presses that were begun for something else than a call un-mute none that is joined meanwhile.

Control consents to whatever it is asked here, so that only the leg keeps the packets silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from appliance.control_link.words import Action, Button, CheckEnd, CheckKind, Gate
from appliance.leg import announcement
from appliance.leg import aside as aside_module
from appliance.leg import checks as checks_module
from appliance.webrtc import OPUS_SILENCE
from tests.support.leg_box import Box
from tests.support.raw_control import Control
from tests.support.taker import Platform

End = Callable[[Box, Control], Awaitable[None]]


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


async def press(box: Box, control: Control) -> None:
    """The microphone button, with the panel's own sequence and somebody who talks meanwhile."""
    control.send("ping")  # else the press is refused for another reason
    await asyncio.sleep(0.05)
    assert box.server.control_is_there
    if not box.presses.microphone_edge(1.0):
        box.presses.microphone_pressed(1.0)
    for _ in range(10):
        if box.headset.running():
            box.speak()
        await asyncio.sleep(0.02)
    box.presses.microphone_released(1.2, 0.2)


@asynccontextmanager
async def consenting(control: Control) -> AsyncIterator[None]:
    """Open the gate whenever the button asks."""

    async def consent() -> None:
        while True:
            asked = await control.next("unmute_requested")
            control.send("open_gate", session_id="s", epoch=asked["epoch"], audience="everyone")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(consent())
        yield
        task.cancel()


async def joined(control: Control) -> Platform:
    platform = Platform()
    offer = await platform.offer()
    answer = await control.ask("join", session_id="s", offer=offer, direction="sendrecv")
    await platform.accept(answer["sdp"])
    while (await control.next("call_changed"))["media"] != "connected":
        continue
    return platform


def actions(box: Box) -> list[Action]:
    return [press.action for press in box.presses.kept()]


async def begun(control: Control, what: str) -> None:
    if what == "recovery":
        assert (await control.ask("show_recovery", on=True))["ok"]
    else:
        assert (await control.ask("begin_check", kind=what))["ok"]


@pytest.mark.parametrize("what", ["recovery", *CheckKind])
async def test_a_row_of_presses_goes_on_into_a_call_and_nothing_is_sent(
    box: Box, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(aside_module, "PAUSE_S", 0.8)
    control = await box.connect()
    await begun(control, what)
    if what != CheckKind.HEADSET:  # whose first press ends it
        await press(box, control)
    if what == "recovery":  # control may end it just before the join, or not at all
        await control.ask("show_recovery", on=False)
    platform = await joined(control)
    async with consenting(control):
        for _ in range(6):  # for longer than the pause
            await press(box, control)
            assert not box.headset.running()
        assert box.gate() is Gate.CLOSED
        assert len(platform.taken) > 40
        assert set(platform.taken) == {OPUS_SILENCE}, "the row of presses was heard in the call"
        assert actions(box)[-6:] == [Action.UNMUTE_REFUSED] * 6
        await asyncio.sleep(1.0)
        await press(box, control)
        assert actions(box)[-1] is Action.UNMUTE_ASKED
        assert set(platform.taken) > {OPUS_SILENCE}, "a press after the pause is heard"
        await press(box, control)
        assert actions(box)[-1] is Action.MUTED
    await platform.close()


async def test_a_recovery_that_nobody_ended_before_the_join_counts_as_well(box: Box) -> None:
    control = await box.connect()
    await begun(control, "recovery")
    platform = await joined(control)
    async with consenting(control):
        await press(box, control)
    assert actions(box) == [Action.UNMUTE_REFUSED]
    assert set(platform.taken) == {OPUS_SILENCE}
    await platform.close()


async def test_a_recovery_that_time_ended_long_ago_refuses_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = await box.connect()
    with monkeypatch.context() as patch:
        patch.setattr(announcement, "RECOVERY_S", 0.1)
        patch.setattr(aside_module, "PAUSE_S", 0.1)
        await begun(control, "recovery")
        await asyncio.sleep(0.5)
    platform = await joined(control)
    async with consenting(control):
        await press(box, control)
        assert actions(box) == [Action.UNMUTE_ASKED]
        assert set(platform.taken) > {OPUS_SILENCE}
    await platform.close()


async def test_muting_waits_for_no_pause(box: Box) -> None:
    control = await box.connect()
    await begun(control, "recovery")
    platform = await joined(control)
    asked = await control.ask("prepare_gate", session_id="s")
    control.send("open_gate", session_id="s", epoch=asked["epoch"], audience="everyone")
    for _ in range(10):
        box.speak()
        await asyncio.sleep(0.02)
    assert box.gate() is Gate.OPEN
    await press(box, control)
    assert box.gate() is Gate.CLOSED
    assert await platform.some() == {OPUS_SILENCE}
    await platform.close()


async def end_asked(box: Box, control: Control) -> None:
    assert (await control.ask("end_check"))["ok"]


async def end_by_time(box: Box, control: Control) -> None:
    while not (event := await control.next("check_changed"))["end"]:
        continue
    assert event["end"] == CheckEnd.TIME


async def end_by_press(box: Box, control: Control) -> None:
    await press(box, control)


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (CheckKind.PANEL, end_asked),
        (CheckKind.PANEL, end_by_time),
        (CheckKind.HEADSET, end_asked),
        (CheckKind.HEADSET, end_by_press),
    ],
)
async def test_presses_go_on_from_a_check_that_was_over_before_the_join(
    box: Box, monkeypatch: pytest.MonkeyPatch, kind: CheckKind, end: End
) -> None:
    if end is end_by_time:
        monkeypatch.setitem(checks_module.LIMITS_S, kind, 0.3)
    control = await box.connect()
    await begun(control, kind)
    await end(box, control)
    assert box.leg.checks.running is None
    await refused_in_a_call_joined_now(box, control)


@pytest.mark.parametrize("button", Button)
async def test_a_row_of_presses_lasts_through_idle(
    box: Box, monkeypatch: pytest.MonkeyPatch, button: Button
) -> None:
    """Presses after what they were for, without a rest, and for longer than one."""
    monkeypatch.setattr(aside_module, "PAUSE_S", 2.0)
    control = await box.connect()
    await begun(control, "recovery")
    await press(box, control)
    await control.ask("show_recovery", on=False)
    for _ in range(9):
        if button is Button.MICROPHONE:
            await press(box, control)
        else:
            box.presses.hang_up_pressed(1.0)
            await asyncio.sleep(0.26)
    assert set(actions(box)) == {Action.IGNORED}
    await refused_in_a_call_joined_now(box, control)


async def refused_in_a_call_joined_now(box: Box, control: Control) -> None:
    platform = await joined(control)
    async with consenting(control):
        await press(box, control)
        assert not box.headset.running()
        await platform.some()
    assert actions(box)[-1] is Action.UNMUTE_REFUSED
    assert box.gate() is Gate.CLOSED
    assert set(platform.taken) == {OPUS_SILENCE}, "the row of presses was heard in the call"
    await platform.close()
