"""AMI's lines and events: cut wherever they may be, and in the listing's words."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.platforms.asterisk import ami_text, wire
from appliance.platforms.asterisk.ami import Pile
from appliance.platforms.asterisk.ami_text import AmiMessage, AmiReader, action
from appliance.platforms.asterisk.ami_wire import KINDS, Translator
from appliance.platforms.protocol import PlatformError

KEYS = st.text("abcXYZ-", min_size=1, max_size=8)
VALUES = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"])).map(
    str.strip
)
LINES = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=8)
MESSAGES = st.lists(LINES, max_size=5)


def sent(messages: list[list[tuple[str, str]]]) -> bytes:
    return "".join(
        "".join(f"{key}: {value}\r\n" for key, value in lines) + "\r\n" for lines in messages
    ).encode()


def message(**fields: str) -> AmiMessage:
    return AmiMessage(tuple(fields.items()))


def channel(prefix: str = "", **fields: str) -> dict[str, str]:
    usual = {"Channel": "PJSIP/ada-00000001", "Uniqueid": "1795848941.7", "Context": "calls"}
    return {prefix + key: value for key, value in (usual | fields).items()}


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=6))
def test_messages_are_the_same_however_they_are_cut(
    messages: list[list[tuple[str, str]]], cuts: list[int]
) -> None:
    data, reader = sent(messages), AmiReader()
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[begin:end] for begin, end in itertools.pairwise(edges)]
    read = [one for piece in pieces for one in reader.feed(piece)]
    assert [list(one.lines) for one in read] == messages


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_anything_is_read_or_left_aside(pieces: list[bytes]) -> None:
    reader, translator = AmiReader(), Translator("bargebox")
    for piece in pieces:
        for one in reader.feed(piece):
            translator.event(one)
            translator.listed([one])


def test_what_waits_is_bounded_by_its_length_too() -> None:
    pile, long = Pile(), message(Event="x" * 200_000)
    for _ in range(wire.MAX_ANSWER // long.size):
        pile.add(long)
    with pytest.raises(PlatformError, match="more calls than"):
        pile.add(long)


def test_what_has_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_text, "MAX_MESSAGE", 1000)
    reader = AmiReader()
    for _ in range(9):
        assert list(reader.feed(b"Event: x\r\n" * 10)) == []
    with pytest.raises(PlatformError, match="too long"):
        list(reader.feed(b"Event: x\r\n" * 20))


def test_a_message_of_too_many_lines_is_given_up() -> None:
    with pytest.raises(PlatformError, match="too long"):
        list(AmiReader().feed(b"a: b\r\n" * (ami_text.MAX_LINES + 1) + b"\r\n"))


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "\x00"])
def test_no_value_begins_a_line_of_its_own(value: str) -> None:
    with pytest.raises(PlatformError):
        action("Hangup", "1", {"Channel": value})


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(
            [
                f"{prefix}{key}"
                for prefix in ("", "Dest", "Spyer", "Spyee")
                for key in (
                    "Channel",
                    "Uniqueid",
                    "Context",
                    "Exten",
                    "ChanVariable",
                    "CallerIDNum",
                )
            ]
            + ["BridgeUniqueid", "Cause", "Variable", "Value"]
        ),
        st.text(max_size=20),
    ),
)
def test_every_event_is_translated_or_left_aside(kind: str, fields: dict[str, str]) -> None:
    event = Translator("bargebox").event(message(Event=kind, **fields))
    assert event is None or event.type == KINDS[kind]


def test_a_channel_is_as_ari_tells_it() -> None:
    lines = channel(ChannelStateDesc="Up", CallerIDNum="+1555", CallerIDName="<unknown>", Exten="8")
    told = AmiMessage(
        (*lines.items(), ("ChanVariable", "QUEUE=Support"), ("ChanVariable", "FLOW=a=b"))
    )
    assert Translator("bargebox").channel(told) == wire.Channel(
        id="1795848941.7",
        name="PJSIP/ada-00000001",
        state="Up",
        caller=wire.Caller(number="+1555"),
        dialplan=wire.Dialplan(exten="8"),
        creationtime=datetime.fromtimestamp(1795848941, UTC).replace(microsecond=7),
        channelvars={"QUEUE": "Support", "FLOW": "a=b"},
    )


def test_channels_keep_their_order_within_a_second() -> None:
    translator = Translator("bargebox")
    ids = ("1795848941.9", "pbx-1795848941.10", "1795848942.2")
    ages = [translator.channel(message(**channel(Uniqueid=one))) for one in ids]
    times = [one.creationtime for one in ages if one is not None]
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_the_age_of_a_channel_that_does_not_tell_it_stays() -> None:
    translator = Translator("bargebox")
    created = translator.event(message(Event="Newchannel", **channel(Uniqueid="made-elsewhere")))
    changed = translator.event(message(Event="Newstate", **channel(Uniqueid="made-elsewhere")))
    assert created is not None
    assert changed is not None
    assert created.channel == changed.channel


def test_who_calls_whom_and_who_spies_on_whom() -> None:
    translator = Translator("bargebox")
    second = channel("Dest", Uniqueid="1795848941.8")
    dial = translator.event(message(Event="DialBegin", **channel(), **second))
    assert dial is not None
    assert dial.caller is not None
    assert dial.peer is not None
    assert (dial.caller.id, dial.peer.id) == ("1795848941.7", "1795848941.8")
    spyer = channel("Spyer", Context="bargebox", Exten="hear-1795848941.7")
    spying = translator.event(message(Event="ChanSpyStart", **spyer, **channel("Spyee")))
    assert spying is not None
    assert spying.channel is not None
    assert spying.channel.id == "1795848941.7.leg"
    assert wire.handle_of(spying.channel.id) is not None


def test_a_global_variable_has_no_channel() -> None:
    fields = {"Channel": "none", "Uniqueid": "none", "Variable": "MON", "Value": "off"}
    event = Translator("bargebox").event(message(Event="VarSet", **fields))
    assert event == wire.Event(type="ChannelVarset", variable="MON", value="off")


def test_the_list_tells_who_hears_whom() -> None:
    items = [
        message(Event="CoreShowChannel", **channel(), BridgeId="B"),
        message(Event="CoreShowChannel", **channel(Uniqueid="1795848941.8"), BridgeId="B"),
        message(Event="CoreShowChannel", **channel(Uniqueid="1795848941.9"), BridgeId=""),
        message(Event="CoreShowChannel", **channel(Uniqueid="x" * 5000)),
    ]
    channels, bridges = Translator("bargebox").listed(items)
    assert [one.id for one in channels] == ["1795848941.7", "1795848941.8", "1795848941.9"]
    assert bridges == [wire.Bridge(id="B", channels=("1795848941.7", "1795848941.8"))]
