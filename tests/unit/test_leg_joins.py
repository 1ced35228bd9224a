"""How a leg gets into a call and out of it again, in whatever order the commands come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.control_link.events import CallChanged
from appliance.control_link.words import Media
from appliance.leg import call as call_module
from tests.support.leg_box import Box, leg_box
from tests.support.peer import Peer as OtherEnd
from tests.support.raw_control import Json


@pytest.fixture
def box(whole_leg: Box) -> Box:
    return whole_leg


async def test_leg_is_in_one_call_at_most_whatever_comes_at_once(box: Box) -> None:
    """Also while the call before is still closing."""
    control = await box.connect()
    await control.ask("join", session_id="first")
    control.send("hang_up", session_id="first", reason="hung_up")
    numbers = [control.send("join", session_id=f"s{n}") for n in range(3)]
    replies: dict[int, str | None] = {}
    while len(replies) < 3:
        reply = await control.next("reply")
        replies[reply["id"]] = reply["code"]
    assert [replies.get(number) for number in numbers] == [None, "busy", "busy"]
    assert box.leg.call is not None
    assert box.leg.call.session_id == "s0"


async def test_no_self_test_while_a_call_begins_and_no_call_while_it_runs(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="first")
    control.send("hang_up", session_id="first", reason="hung_up")
    joining, testing = control.send("join", session_id="s"), control.send("self_test")
    assert (await control.reply(testing))["code"] == "busy"
    assert (await control.reply(joining))["ok"]
    await control.ask("hang_up", session_id="s", reason="hung_up")
    testing, again = control.send("self_test"), control.send("self_test")
    joining = control.send("join", session_id="t")
    assert (await control.reply(again))["code"] == "busy"
    assert (await control.reply(joining))["code"] == "busy"
    assert (await control.reply(testing))["report"] is not None


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("turns", range(0, 24, 2))
async def test_hang_up_at_any_moment_of_a_join_ends_it_in_order(
    box: Box, turns: int, offered: bool
) -> None:
    """The button is pressed that many turns of the loop after the command has come."""
    control = await box.connect()
    other = OtherEnd()
    offer = {"offer": await other.offer()} if offered else {}
    joining = control.send("join", session_id="s", **offer)
    async with asyncio.timeout(10):
        while not box.in_call():
            await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    box.presses.hang_up_pressed(1.0)
    # Either it was quick enough to be answered, or it is refused in words.
    ended, code = None, "no reply"
    while ended is None or code == "no reply":
        message = await control.next("reply", "call_changed")
        if message["type"] == "call_changed":
            ended = message["reason"]
        else:
            assert message["id"] == joining
            code = message["code"]
    assert ended == "hung_up"
    assert code in (None, "no_such_call", "refused_offer")
    assert (await control.ask("ping"))["ok"]
    assert not box.in_call()
    async with asyncio.timeout(10):
        while box.leg._closing:
            await asyncio.sleep(0.01)
    await other.close()
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("media watch")] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"offer": "garbage"},
        {"offer": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 00\r\n"},
        {"ice_servers": [{"urls": ["garbage"]}]},
    ],
)
async def test_join_that_cannot_be_is_refused_and_leaves_nothing(box: Box, fields: Json) -> None:
    control = await box.connect()
    refused = await control.ask("join", session_id="s", **fields)
    assert refused["code"] == "refused_offer"
    assert "\n" not in refused["detail"].strip()
    assert box.leg.call is None
    assert (await control.ask("join", session_id="s"))["sdp"]


async def test_answer_that_cannot_be_is_refused_and_can_be_hung_up(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    assert (await control.ask("answer", session_id="s", sdp="garbage"))["code"] == "refused_offer"
    assert (await control.ask("answer", session_id="t", sdp="garbage"))["code"] == "no_such_call"
    assert (await control.ask("hang_up", session_id="s", reason="failed"))["ok"]
    assert box.leg.call is None


async def test_stopped_leg_begins_no_call(box: Box) -> None:
    control = await box.connect()
    await control.ask("join", session_id="s")
    await box.leg.stop()
    assert box.leg.call is None
    assert (await control.ask("join", session_id="t"))["code"] == "busy"
    ended = CallChanged(session_id="s", media=Media.ENDED)
    assert box.leg.last_ended is not None
    assert box.leg.last_ended.session_id == ended.session_id


async def test_refused_joins_in_a_flood_are_only_so_many_tones(box: Box) -> None:
    control = await box.connect()
    for _ in range(200):
        control.send("refuse_join", reason="own_call")
    await control.ask("ping")
    assert len(box.leg.downlink._cues) <= 4


async def test_an_offer_that_nobody_answers_does_not_keep_the_leg_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_loopback: None, aiortc_may_wait: None
) -> None:
    monkeypatch.setattr(call_module, "ANSWER_LIMIT_S", 0.3)
    async with leg_box(tmp_path, monkeypatch) as box:
        control = await box.connect()
        await control.ask("join", session_id="s")
        ended = await control.next("call_changed")
        assert (ended["media"], ended["reason"]) == ("ended", "failed")
        assert (await control.ask("join", session_id="t"))["ok"]
