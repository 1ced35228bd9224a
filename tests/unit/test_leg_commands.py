"""What the leg does when it is told to, over a real socket: gate, hanging up, levels, volume."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Action, Button, Gate, LampPattern
from appliance.leg.codecs.opus import Samples
from appliance.leg.cues import Cue, cue
from tests.support.leg_box import Box, connected
from tests.support.raw_control import Json


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


@pytest.mark.parametrize(
    ("command", "fields", "code"),
    [
        ("prepare_gate", {}, "no_such_call"),
        ("open_gate", {"epoch": 0}, "no_such_call"),
        ("refuse_gate", {"epoch": 0}, "no_such_call"),
        ("close_gate", {}, None),
        ("hang_up", {"reason": "failed"}, None),
    ],
)
async def test_commands_for_another_session(
    box: Box, command: str, fields: Json, code: str | None
) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask(command, session_id="t", **fields))["code"] == code
    assert box.leg.call is not None


async def test_gate_opens_for_a_connected_call_only(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask("prepare_gate", session_id="s"))["code"] == "not_in_call"
    epoch = box.leg.gate.epoch
    opened = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert opened["code"] == "stale"


async def test_receive_only_call_never_lights_the_lamp(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "recvonly")
    assert (await control.ask("prepare_gate", session_id="s"))["code"] == "not_in_call"
    box.presses.microphone_pressed(1.0)
    assert box.presses.kept()[-1].action is Action.UNMUTE_REFUSED
    assert box.leg.call is not None
    assert box.leg.call.track.sent == 0
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_opening_that_is_overtaken_is_answered_stale(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    prepared = await control.ask("prepare_gate", session_id="s")
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    while box.leg.consent._openings._waited_for == {}:
        await asyncio.sleep(0)
    assert box.presses.microphone_edge(1.0)
    assert (await control.reply(opening))["code"] == "stale"
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    assert (await control.reply(opening))["code"] == "stale"
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_hang_up_while_opening_answers_and_stops_the_microphone(box: Box) -> None:
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    prepared = await control.ask("prepare_gate", session_id="s")
    opening = control.send("open_gate", session_id="s", epoch=prepared["epoch"])
    ending = control.send("hang_up", session_id="s", reason="agent_ended")
    replies = [await control.next("reply"), await control.next("reply")]
    assert {reply["id"]: reply["code"] for reply in replies} == {opening: "stale", ending: None}
    await other.close()


async def test_level_of_a_headset_that_does_not_play_is_silence(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(box.leg.downlink), "level", -12.0)  # whatever is played
    control = await box.connect()
    other = await connected(box, control, "sendrecv")
    assert (await control.next("levels"))["downlink"] == -12.0
    box.headset.state = HeadsetState(present=False)
    await control.next("levels")
    assert (await control.next("levels"))["downlink"] == -100.0
    await control.ask("hang_up", session_id="s", reason="hung_up")
    await other.close()


async def test_volume_is_set_and_presses_are_acknowledged(box: Box) -> None:
    control = await box.connect()
    box.presses._keep(Button.HANG_UP, Action.IGNORED, 1.0, None)
    assert (await control.ask("set_volume", percent=35))["ok"]
    assert box.leg.downlink.volume == 35
    assert (await control.ask("ack_presses", through=1))["ok"]
    assert box.presses.kept() == []


async def test_a_watched_call_is_announced_while_nothing_else_is_to_be_heard(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.leg.announcement.SHOWN_S", 0.2)
    shown: list[object] = []
    monkeypatch.setattr(
        box.leg.indicators._panel, "show", lambda microphone, status: shown.append(status)
    )
    heard: list[Samples] = []
    monkeypatch.setattr(box.leg.indicators, "_play", heard.append)
    control = await box.connect()
    assert (await control.ask("announce"))["ok"]
    assert heard == [cue(Cue.WATCHED)]
    assert shown == [LampPattern.QUICK_BLINK]
    async with asyncio.timeout(5):
        while shown[-1] is not LampPattern.ON:
            await asyncio.sleep(0.01)
    await control.ask("join", session_id="s")
    assert (await control.ask("announce"))["code"] == "busy"
    await control.ask("hang_up", session_id="s", reason="hung_up")
    other = await connected(box, control, "sendrecv")
    assert (await control.ask("announce"))["ok"], "not while listening"
    prepared = await control.ask("prepare_gate", session_id="s")
    heard.clear()
    assert (await control.ask("announce"))["code"] == "busy"
    assert heard == []
    assert box.leg.gate.state is Gate.OPENING
    await control.ask("refuse_gate", session_id="s", epoch=prepared["epoch"])
    await control.ask("hang_up", session_id="s", reason="hung_up")
    box.leg.testing = True
    assert (await control.ask("announce"))["code"] == "busy"
    box.leg.testing = False
    await other.close()
