"""A lost connection and the fresh one in its place: the same call, and muted. Packets show it."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.words import Audience, Gate
from appliance.leg import call as call_module
from appliance.webrtc import OPUS_SILENCE
from tests.support.leg_box import Box
from tests.support.raw_control import Control, Json
from tests.support.taker import Platform


@pytest.fixture
def box(whole_leg: Box, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(call_module, "FAR_END_S", 0.1)
    return whole_leg


async def join(control: Control, platform: Platform, **fields: object) -> Json:
    joined = await control.ask("join", session_id="s", offer=await platform.offer(), **fields)
    assert joined["ok"], joined
    await platform.accept(joined["sdp"])
    return joined


async def until(control: Control, media: str) -> None:
    while (await control.next("call_changed"))["media"] != media:
        continue


async def open_the_gate(box: Box, control: Control) -> None:
    prepared = await control.ask("prepare_gate", session_id="s")
    box.leg.gate.consent(prepared["epoch"], Audience.EVERYONE)
    await box.speak_loudly()
    assert box.leg.gate.state is Gate.OPEN


async def test_live_at_the_loss_it_comes_back_muted_and_can_be_heard_again(box: Box) -> None:
    control, first, fresh = await box.connect(), Platform(), Platform()
    await join(control, first)
    await until(control, "connected")
    await open_the_gate(box, control)
    assert set(first.taken) > {OPUS_SILENCE}
    epoch = box.leg.gate.epoch
    await first.close()
    await until(control, "lost")
    assert box.leg.gate.state is Gate.CLOSED
    assert not box.headset.running()
    assert (await control.ask("prepare_gate", session_id="s"))["code"] == "not_in_call"

    await join(control, fresh, again=True)
    await until(control, "connected")
    await box.speak_loudly()
    assert await fresh.some() == {OPUS_SILENCE}
    assert set(fresh.taken) == {OPUS_SILENCE}, "it came back with the microphone"
    stale = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert stale["code"] == "stale", "consent from before the loss opens the gate"
    await open_the_gate(box, control)
    await fresh.some()
    assert set(fresh.taken) > {OPUS_SILENCE}
    await fresh.close()


async def test_a_fresh_connection_while_live_shuts_the_gate_before_anything_else(box: Box) -> None:
    control, first, fresh = await box.connect(), Platform(), Platform()
    await join(control, first)
    await until(control, "connected")
    await open_the_gate(box, control)
    joining = control.send("join", session_id="s", offer=await fresh.offer(), again=True)
    await until(control, "lost")
    assert box.leg.gate.state is Gate.CLOSED
    assert not box.headset.running()
    await fresh.accept((await control.reply(joining))["sdp"])
    await until(control, "connected")
    await box.speak_loudly()
    assert await fresh.some() == {OPUS_SILENCE}
    assert set(fresh.taken) == {OPUS_SILENCE}
    assert first.connection.connectionState == "closed", "two connections for one session"
    await first.close()
    await fresh.close()


async def test_a_fresh_connection_that_fails_leaves_the_call_lost_for_another(box: Box) -> None:
    control, first, fresh = await box.connect(), Platform(), Platform()
    await join(control, first)
    await until(control, "connected")
    await first.close()
    await until(control, "lost")
    refused = await control.ask("join", session_id="s", offer="garbage", again=True)
    assert refused["code"] == "refused_offer"
    offered = await control.ask("join", session_id="s", again=True)  # and nobody answers this one
    assert offered["sdp"]
    await join(control, fresh, again=True)
    await until(control, "connected")
    assert box.leg.last_ended is None
    await fresh.close()


async def test_only_a_call_that_was_connected_is_connected_again(box: Box) -> None:
    control = await box.connect()
    assert (await control.ask("join", session_id="s", again=True))["code"] == "no_such_call"
    await control.ask("join", session_id="s")
    assert (await control.ask("join", session_id="s", again=True))["code"] == "busy"
    assert (await control.ask("join", session_id="t", again=True))["code"] == "no_such_call"


async def test_a_loss_that_nobody_mends_ends_the_call(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, first = await box.connect(), Platform()
    await join(control, first)
    await until(control, "connected")
    monkeypatch.setattr(call_module, "LOST_LIMIT_S", 0.3)
    await first.close()
    await until(control, "lost")
    assert (await control.next("call_changed"))["reason"] == "media_lost"
    assert not box.in_call()


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_hang_up_at_any_moment_of_it_wins(box: Box, turns: int) -> None:
    control, first, fresh = await box.connect(), Platform(), Platform()
    await join(control, first)
    await until(control, "connected")
    joining = control.send("join", session_id="s", offer=await fresh.offer(), again=True)
    async with asyncio.timeout(10):
        while box.leg.call is not None and box.leg.call.media != "lost":
            await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    box.presses.hang_up_pressed(1.0)
    ended, code = None, "no reply"
    while ended is None or code == "no reply":
        message = await control.next("reply", "call_changed")
        if message["type"] == "reply":
            assert message["id"] == joining
            code = message["code"]
        elif message["media"] == "ended":
            ended = message["reason"]
    assert ended == "hung_up"
    assert code in (None, "no_such_call", "refused_offer")
    async with asyncio.timeout(10):
        while box.leg._closing:
            await asyncio.sleep(0.01)
    assert not box.in_call()
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []
    await first.close()
    await fresh.close()


async def test_another_control_takes_an_open_gate_over_only_as_it_is(box: Box) -> None:
    """It consents to the opening that it was told of, and that was muted since."""
    control, platform = await box.connect(), Platform()
    await join(control, platform)
    await until(control, "connected")
    await open_the_gate(box, control)
    epoch = box.leg.gate.epoch
    assert (await control.ask("open_gate", session_id="s", epoch=epoch))["ok"]
    assert box.leg.gate.state is Gate.OPEN
    box.leg.gate.close("button")
    stale = await control.ask("open_gate", session_id="s", epoch=epoch)
    assert stale["code"] == "stale"
    await platform.some()  # what was on its way
    await box.speak_loudly()
    assert await platform.some() == {OPUS_SILENCE}
    await platform.close()
