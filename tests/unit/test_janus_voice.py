"""A leg's ear and voice at a Janus that answers late, twice, or nonsense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control_link.client import LegUnreachableError
from appliance.control_link.commands import Place
from appliance.control_link.words import Audience, EndReason, Party
from appliance.platforms.janus import names, wire
from appliance.platforms.janus.ear import MAX_LINES, Ear
from appliance.platforms.janus.leg import JanusLeg
from appliance.platforms.janus.note import Note
from appliance.platforms.janus.rooms import Call, read_call
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.voice import Voice
from appliance.platforms.protocol import PlatformError
from tests.support.janus_stand_in import linked

SDP = "v=0 a=setup:actpass"
EAR, VOICE = 5, 6


class Port:
    """Implements `appliance.platforms.protocol.LegPort`."""

    async def offer(self) -> str:
        return SDP

    async def accept(self, answer: str) -> None:
        assert answer == SDP

    def __init__(self) -> None:
        self.placed: list[dict[str, Party]] = []
        self.deaf = False

    async def place(self, parties: Mapping[str, Party]) -> None:
        if self.deaf:
            raise LegUnreachableError("the leg is away")
        self.placed.append(dict(parties))

    async def answer(self, offer: str) -> str:
        assert offer == "v=0 a=setup:active"
        return SDP

    async def speak(self) -> str:
        return SDP

    async def accept_speaking(self, answer: str) -> None:
        assert answer == SDP


class Plugins:
    """Answers as Janus does; requests named in *unanswered* once without telling so."""

    def __init__(self, *unanswered: str) -> None:
        self.asked: list[str] = []
        self._unanswered = list(unanswered)

    def __call__(self, request: dict[str, Any]) -> list[object]:
        body = request.get("body", {})
        name = str(body.get("request", request["janus"]))
        self.asked.append(name)
        if name in self._unanswered:
            self._unanswered.remove(name)
            return []
        data: dict[str, Any] = {}
        answer = {"janus": "success", "transaction": request["transaction"]}
        if name in ("create", "attach"):
            return [{**answer, "data": {"id": 40 + len(self.asked)}}] * 2
        if "streams" in body:
            line = {"type": "audio", "mid": "0", "feed_id": body["streams"][0]["feed"]}
            data = {"streams": [{**line, "feed_mid": "0", "active": True, "ready": False}]}
        described = {"jsep": {"type": "offer", "sdp": SDP}} if name in ("join", "configure") else {}
        return [{**answer, "plugindata": {"data": data}, **described}] * 2


async def test_a_voice_whose_join_was_not_answered_is_given_up_before_the_next() -> None:
    plugins = Plugins("join")
    async with linked(plugins, request_timeout=0.2) as (link, _):
        voice = Voice(JanusSettings(), Session(link, 7), "h", "call")
        with pytest.raises(PlatformError):
            await voice.open(Port())
        await voice.open(Port())
        await voice.set_audience(Audience.EVERYONE)
    assert plugins.asked == [
        "attach",
        "join",
        "detach",
        "attach",
        "join",
        "configure",
        "changeroom",
    ]


async def test_a_voice_that_is_lost_while_it_comes_up_is_made_again() -> None:
    gone = wire.Message.model_validate({"janus": "detached"})

    class Unlucky(Port):
        async def accept_speaking(self, answer: str) -> None:
            voice.told(gone)

    async with linked(Plugins(), request_timeout=0.2) as (link, _):
        voice = Voice(JanusSettings(), Session(link, 7), "h", "call")
        with pytest.raises(PlatformError, match="was lost"):
            await voice.open(Unlucky())
        with pytest.raises(PlatformError, match="not up yet"):
            await voice.set_audience(Audience.EVERYONE)
        await voice.open(Port())
        await voice.set_audience(Audience.EVERYONE)


async def test_a_move_that_was_not_answered_is_made_again() -> None:
    plugins = Plugins("changeroom")
    async with linked(plugins, request_timeout=0.2) as (link, _):
        voice = Voice(JanusSettings(), Session(link, 7), "h", "call")
        await voice.open(Port())
        with pytest.raises(PlatformError):
            await voice.set_audience(Audience.EVERYONE)
        await voice.set_audience(None)
        await voice.set_audience(None)
    assert plugins.asked[-2:] == ["changeroom", "changeroom"], "asked back exactly once"


async def test_an_answer_that_got_lost_is_given_again() -> None:
    plugins = Plugins()
    async with linked(plugins, request_timeout=0.2) as (link, _):
        ear = Ear(JanusSettings(), Session(link, 7), "h", "call")
        note = await ear.join(frozenset({"ada"}), Port())
        await ear.start()
        assert note.answer == SDP
        assert ear.lines == {"0": "ada"}
        plugins._unanswered.append("start")
        with pytest.raises(PlatformError):
            await ear.follow(frozenset({"grace"}))
        assert plugins.asked.count("start") == 2
        assert ear.lines == {"0": "grace"}
        for _ in range(2):
            await ear.follow(frozenset({"grace"}))
            assert plugins.asked.count("start") == 3


def a_call() -> Call:
    described = {"started_at": datetime.now(UTC).isoformat(), "monitoring": "on"}
    call = read_call("call", json.dumps(described))
    assert call is not None
    return call


async def test_the_leg_is_told_who_is_on_which_line_and_again_when_that_changes() -> None:
    session, port = Session.__new__(Session), Port()
    leg = JanusLeg(JanusSettings(), session, "h", a_call(), port)
    leg.ear.lines = {"0": "ada", "1": "customer", "2": ""}
    for _ in range(2):
        await leg.place()
    assert port.placed == [{"0": Party.AGENT, "1": Party.CUSTOMER}], "once, and no empty line"
    leg.ear.lines = {"0": "ada", "1": "grace", "2": "customer"}
    port.deaf = True
    await leg.place()
    port.deaf = False
    await leg.place()
    assert port.placed[1:] == [{"0": Party.AGENT, "1": Party.AGENT, "2": Party.CUSTOMER}]


@pytest.mark.parametrize("mid", ["", "m" * 17])
async def test_a_line_that_the_leg_cannot_be_told_of_is_no_line(mid: str) -> None:
    session, port = Session.__new__(Session), Port()
    leg = JanusLeg(JanusSettings(), session, "h", a_call(), port)
    streams = [{"type": "audio", "mid": at, "feed_id": "ada"} for at in (mid, "0")]
    leg.ear._take({"streams": streams}, None)
    await leg.place()
    assert port.placed == [{"0": Party.AGENT}]
    Place(id=1, session_id="s", parties=port.placed[0])  # as the control link takes it


OURS = names.voice("h")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([OURS, "call", "event", "muted"]),
    lambda v: (
        st.lists(v, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "muted", "participants", "kicked", "room", "audiobridge", "streams", "mid"]
            ),
            v,
        )
    ),
    max_leaves=10,
)
events = st.builds(
    lambda kind, sender, data, reason: wire.Message.model_validate(
        {"janus": kind, "sender": sender, "reason": reason, "plugindata": {"data": data}}
    ),
    st.sampled_from(["event", "hangup", "detached", "media", "webrtcup", "timeout", ""]),
    st.sampled_from([None, EAR, VOICE, 9]),
    st.dictionaries(
        st.sampled_from(["audiobridge", "kicked", "participants", "muted", "room", "streams"]),
        values,
    ),
    st.text(max_size=12),
)


@given(st.lists(events, max_size=6), st.sampled_from([None, "call", names.own_room("h")]))
def test_no_event_breaks_a_leg_and_strangers_end_none(
    told: list[wire.Message], room: str | None
) -> None:
    async def live() -> None:
        async with asyncio.timeout(5):
            session = Session.__new__(Session)
            leg = JanusLeg(JanusSettings(), session, "h", a_call(), Port())
            leg.ear.handle_id, leg.voice.handle_id, leg.voice._room = EAR, VOICE, room
            for event in told:
                reason = leg.heard(event)
                assert reason is None or isinstance(reason, EndReason)
                if event.sender == 9 and event.janus != "timeout":
                    assert reason is None
                leg.ear._take(event.plugindata.data if event.plugindata else {}, None)
                assert len(leg.ear.lines) <= MAX_LINES

    asyncio.run(live())


@pytest.mark.parametrize(
    "text", [None, 5, "", "call-1", "[]", '{"call": "a", "ear": -1, "answer": "v"}', "{" * 9999]
)
def test_a_foreign_note_is_none(text: object) -> None:
    assert Note.read(text) is None


def test_a_note_is_read_as_it_was_written() -> None:
    note = Note(call="call", ear=2**60, answer=SDP)
    assert Note.read(note.model_dump_json()) == note
