"""Another control process takes over: what the former one wanted opens nothing. Packets show it."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from appliance.control_link.words import Gate
from appliance.webrtc import OPUS_SILENCE
from tests.support.leg_box import Box
from tests.support.raw_control import Control
from tests.support.taker import Platform


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


async def joined(control: Control) -> Platform:
    platform = Platform()
    answer = await control.ask("join", session_id="s", offer=await platform.offer())
    await platform.accept(answer["sdp"])
    while (await control.next("call_changed"))["media"] != "connected":
        continue
    return platform


async def in_one_turn(former: Control, newer: Control, **command: object) -> None:
    """The former's last command and the newer one's first, in that order and at once."""
    for control, fields in ((former, command), (newer, {"type": "ping"})):
        pipe = control.writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(pipe.fileno())) as raw:
            raw.sendall(json.dumps({"id": 77, **fields}).encode() + b"\n")
    assert (await newer.reply(77))["ok"]
    assert await former.closed()


async def test_a_former_ones_consent_opens_nothing(box: Box) -> None:
    former, newer = await box.connect(), await box.connect()
    platform = await joined(former)
    epoch = (await former.ask("prepare_gate", session_id="s"))["epoch"]
    consent = {"type": "open_gate", "session_id": "s", "epoch": epoch, "audience": "everyone"}
    await in_one_turn(former, newer, **consent)
    await box.speak_loudly()
    assert box.gate() is Gate.OPENING, "it waits for the newer one's, and not for long"
    assert len(platform.taken) > 15
    assert set(platform.taken) == {OPUS_SILENCE}
    await newer.ask("open_gate", session_id="s", epoch=epoch, audience="everyone")
    await box.speak_loudly()
    assert set(platform.taken) > {OPUS_SILENCE}, "the newer one's counts"
    await platform.close()


async def test_a_former_ones_mute_is_done_all_the_same(box: Box) -> None:
    former, newer = await box.connect(), await box.connect()
    platform = await joined(former)
    epoch = (await former.ask("prepare_gate", session_id="s"))["epoch"]
    former.send("open_gate", session_id="s", epoch=epoch, audience="everyone")
    await box.speak_loudly()
    assert box.gate() is Gate.OPEN
    await in_one_turn(former, newer, type="close_gate", session_id="s")
    assert box.gate() is Gate.CLOSED
    await box.speak_loudly()
    assert await platform.some() == {OPUS_SILENCE}
    await platform.close()


@pytest.mark.parametrize("command", ["begin_check", "self_test"])
async def test_a_former_one_opens_no_microphone_in_idle(
    box: Box, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    former, newer = await box.connect(), await box.connect()
    await former.ask("ping")
    starts: list[object] = []
    monkeypatch.setattr(box.headset, "start_capture", starts.append)
    fields = {"kind": "headset"} if command == "begin_check" else {}
    await in_one_turn(former, newer, type=command, **fields)
    await asyncio.sleep(0.2)
    assert starts == []
    platform = await joined(newer)
    await box.speak_loudly()
    assert set(platform.taken) == {OPUS_SILENCE}
    await platform.close()
