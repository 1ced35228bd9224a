"""Headset and panel as a person checks them: the one open microphone in idle, and its ends."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from appliance.audio.headset import CaptureSink
from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Action, Button, CheckEnd, CheckKind, Lamp, LampPattern
from appliance.leg import checks as checks_module
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from appliance.webrtc import OPUS_SILENCE
from tests.support.leg_box import Box, connected
from tests.support.raw_control import Control
from tests.support.taker import Platform

ON, OFF, QUICK = LampPattern.ON, LampPattern.OFF, LampPattern.QUICK_BLINK
HEADSET, PANEL = {"kind": "headset"}, {"kind": "panel"}


class Lamps(list[tuple[LampPattern | None, LampPattern | None]]):
    """What the panel was told to show, in order."""

    def show(self, microphone: LampPattern, status: LampPattern) -> None:
        self.append((microphone, status))


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


@pytest.fixture
def lamps(box: Box, monkeypatch: pytest.MonkeyPatch) -> Lamps:
    lamps = Lamps()
    monkeypatch.setattr(box.leg.indicators._panel, "show", lamps.show)
    return lamps


@pytest.fixture
async def control(box: Box) -> Control:
    return await box.connect()


async def ended(control: Control) -> str:
    """Why the check that runs ends."""
    while not (event := await control.next("check_changed"))["end"]:
        continue
    return str(event["end"])


async def test_the_microphone_is_open_with_its_lamp_lit_and_its_level_told(
    box: Box, control: Control, lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks: list[CaptureSink] = []
    start = box.headset.start_capture

    def noted(sink: CaptureSink) -> None:
        sinks.append(sink)
        start(sink)

    monkeypatch.setattr(box.headset, "start_capture", noted)
    assert (await control.ask("begin_check", **HEADSET))["ok"]
    assert box.headset.running()
    assert lamps[-1] == (ON, ON)
    assert (await control.next("check_level"))["level"] == -100.0
    sinks[0].push(np.full(960, 3277, np.int16), 1.0)
    while (level := (await control.next("check_level"))["level"]) == -100.0:
        continue
    assert level == pytest.approx(-17.0, abs=0.2), "a square of a tenth"
    assert (await control.next("check_level"))["level"] == -100.0, "each is of its own 100 ms"
    assert (await control.ask("end_check"))["ok"]
    assert not box.headset.running()
    assert lamps[-1] == (OFF, ON)
    assert box.leg.checks.running is None


async def test_the_lamp_goes_out_after_the_microphone_and_not_before(
    box: Box, control: Control, lamps: Lamps
) -> None:
    await control.ask("begin_check", **HEADSET)
    shown: list[object] = []
    box.headset.stopped = lambda: shown.append(lamps[-1])
    await control.ask("end_check")
    assert shown == [(ON, ON)]


async def test_a_join_closes_the_microphone_before_there_is_a_leg(
    box: Box, control: Control
) -> None:
    await control.ask("begin_check", **HEADSET)
    in_call: list[bool] = []
    box.headset.stopped = lambda: in_call.append(box.in_call())
    ending = asyncio.create_task(ended(await box.connect()))
    other = await connected(box, control, "sendrecv")
    assert in_call[:1] == [False]
    assert await ending == CheckEnd.CALL
    assert not box.headset.running()
    for command in ("begin_check", "play_tone"):
        fields = HEADSET if command == "begin_check" else {}
        assert (await control.ask(command, **fields))["code"] == "busy"
    assert not box.headset.running()
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


@pytest.mark.parametrize("button", Button)
async def test_a_press_ends_the_headsets_check_at_once_and_does_nothing_else(
    box: Box, control: Control, button: Button
) -> None:
    await control.ask("begin_check", **HEADSET)
    if button is Button.MICROPHONE:
        assert box.presses.microphone_edge(1.0)
    else:
        box.presses.hang_up_pressed(1.0)
    assert not box.headset.running()
    assert await ended(control) == CheckEnd.BUTTON
    assert box.presses.kept() == []


@pytest.mark.parametrize("kind", CheckKind)
async def test_it_ends_by_itself(
    box: Box, control: Control, lamps: Lamps, monkeypatch: pytest.MonkeyPatch, kind: CheckKind
) -> None:
    assert checks_module.LIMITS_S[CheckKind.HEADSET] <= 30
    monkeypatch.setitem(checks_module.LIMITS_S, kind, 0.3)
    await control.ask("begin_check", kind=kind)
    assert await ended(control) == CheckEnd.TIME
    assert not box.headset.running()
    assert lamps[-1] == (OFF, ON)


async def test_it_ends_when_the_headset_goes(box: Box, control: Control) -> None:
    await control.ask("begin_check", **HEADSET)
    box.headset.state = HeadsetState()
    box.leg._headset_changed(box.headset.state)
    assert await ended(control) == CheckEnd.HEADSET
    assert not box.headset.running()
    for command, fields in (("begin_check", HEADSET), ("play_tone", {})):
        assert (await control.ask(command, **fields))["code"] == "headset_lost"
    assert not box.headset.running()


async def test_one_that_runs_gives_way_and_the_self_test_waits(box: Box, control: Control) -> None:
    await control.ask("begin_check", **HEADSET)
    assert (await control.ask("self_test"))["code"] == "busy"
    assert (await control.ask("announce"))["code"] == "busy"
    number = control.send("begin_check", **PANEL)
    told = [await control.next("check_changed", "reply") for _ in range(3)]
    assert [(one["type"], one.get("kind"), one.get("end")) for one in told] == [
        ("check_changed", None, "asked"),
        ("check_changed", "panel", None),
        ("reply", None, None),
    ]
    assert told[-1]["id"] == number
    assert not box.headset.running()
    assert box.leg.checks.running is CheckKind.PANEL
    number = control.send("end_check")
    told = [await control.next("check_changed", "reply") for _ in range(2)]
    assert [(one["type"], one.get("end")) for one in told] == [
        ("check_changed", "asked"),
        ("reply", None),
    ]
    box.leg.testing = True
    assert (await control.ask("begin_check", **HEADSET))["code"] == "busy"
    box.leg.testing = False
    assert not box.headset.running()


async def test_a_stopping_leg_leaves_no_microphone_open(box: Box, control: Control) -> None:
    await control.ask("begin_check", **HEADSET)
    await box.leg.stop()
    assert not box.headset.running()
    assert (await control.ask("begin_check", **HEADSET))["code"] == "busy"


async def test_presses_are_told_and_nothing_else_while_the_panel_is_checked(
    box: Box, control: Control
) -> None:
    await control.ask("begin_check", **PANEL)
    assert not box.headset.running()
    assert box.presses.microphone_edge(1.0)
    box.presses.microphone_released(1.2, 0.2)
    assert (await control.next("check_pressed"))["button"] == "microphone"
    box.presses.hang_up_pressed(2.0)
    assert (await control.next("check_pressed"))["button"] == "hang_up"
    box.presses.both_held(12.0)
    assert box.presses.kept() == []
    await control.ask("end_check")
    box.presses.hang_up_pressed(3.0)
    assert [press.action for press in box.presses.kept()] == [Action.IGNORED]


async def test_each_lamp_blinks_on_request_and_never_says_live(
    box: Box, control: Control, lamps: Lamps
) -> None:
    assert (await control.ask("light_lamp", lamp="status"))["code"] == "no_check"
    await control.ask("begin_check", **PANEL)
    for lamp, shown in (
        (Lamp.MICROPHONE, (QUICK, ON)),
        (Lamp.STATUS, (OFF, QUICK)),
        (None, (OFF, ON)),
    ):
        assert (await control.ask("light_lamp", lamp=lamp))["ok"]
        assert lamps[-1] == shown
    await control.ask("light_lamp", lamp="status")
    await control.ask("join", session_id="s")
    assert lamps[-1] == (LampPattern.SHORT_BLINK, ON), "the call's own lamps"
    assert all(microphone is not ON for microphone, _ in lamps)
    await control.ask("hang_up", session_id="s", reason="hung_up")


async def test_the_tone_is_heard(
    box: Box, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Samples] = []
    monkeypatch.setattr(box.leg.checks, "_play", heard.append)
    assert (await control.ask("play_tone"))["ok"]
    assert heard == [cue(Cue.CHECK)]


@pytest.mark.parametrize("what", ["begin_check", "self_test", "renew", "show_recovery"])
async def test_nothing_begins_while_a_call_is_being_joined_and_its_packets_are_silence(
    box: Box, control: Control, what: str
) -> None:
    """Asked for by somebody else, between the join and the first packet."""
    needed: dict[str, dict[str, Any]] = {"begin_check": HEADSET, "show_recovery": {"on": True}}
    platform = Platform()
    joining = control.send("join", session_id="s", offer=await platform.offer())
    beginning = control.send(what, **needed.get(what, {}))
    replies: dict[int, dict[str, Any]] = {}
    while len(replies) < 2:
        reply = await control.next("reply")
        replies[reply["id"]] = reply
    assert replies[beginning]["code"] == "busy"
    await platform.accept(replies[joining]["sdp"])
    assert await platform.some(20) == {OPUS_SILENCE}
    assert not box.headset.running()
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await platform.close()
