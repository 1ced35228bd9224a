"""Others are to hear an open microphone: one that was muted meanwhile stays so. Packets show it."""

from __future__ import annotations

import pytest

from appliance.control_link.words import Audience, Gate
from appliance.webrtc import OPUS_SILENCE
from tests.support.leg_box import Box
from tests.support.taker import Platform


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


async def test_another_audience_opens_no_gate_that_the_button_has_closed(box: Box) -> None:
    control, platform = await box.connect(), Platform()
    answer = await control.ask("join", session_id="s", offer=await platform.offer())
    await platform.accept(answer["sdp"])
    while (await control.next("call_changed"))["media"] != "connected":
        continue
    epoch = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    opening = control.send("open_gate", session_id="s", epoch=epoch)
    await box.speak_loudly()
    assert (await control.reply(opening))["ok"]
    assert set(platform.taken) > {OPUS_SILENCE}

    kept = await control.ask("prepare_gate", session_id="s", epoch=epoch)
    assert (kept["ok"], kept["epoch"]) == (True, epoch)
    coached = {"session_id": "s", "epoch": epoch, "audience": "agent"}
    assert (await control.ask("open_gate", **coached))["ok"]
    assert (box.gate(), box.leg.gate.audience) == (Gate.OPEN, Audience.AGENT)

    assert box.presses.microphone_edge(1.0)
    asked = await control.ask("prepare_gate", session_id="s", epoch=epoch)
    assert asked["code"] == "stale"
    assert box.gate() is Gate.CLOSED
    assert not box.headset.running()
    assert (await control.ask("open_gate", **coached))["code"] == "stale"
    await box.speak_loudly()
    assert await platform.some(20) == {OPUS_SILENCE}

    now = (await control.ask("prepare_gate", session_id="s"))["epoch"]
    assert (await control.ask("prepare_gate", session_id="s", epoch=epoch))["code"] == "stale"
    assert (box.gate(), box.leg.gate.epoch) == (Gate.OPENING, now), "another wish's is left alone"
    await platform.close()
