"""Messages of CxEngage's queue and of its voice gateway: whatever comes, nothing breaks."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from appliance.platforms.cxengage import messages, voice_wire
from appliance.platforms.cxengage.line import Invite
from appliance.platforms.cxengage.messages import Message, Whose
from appliance.platforms.cxengage.oddities import MOST, Oddities
from appliance.platforms.cxengage.voice_wire import Ended, Fault, Word

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=20,
)
OWN_KEYS = st.sampled_from(
    ["type", "notificationType", "notification-type", "sessionId", "session-id", "resource",
     "interactionId", "actionId", "action-id", "subId", "extraParams", "extra-params", "callsid",
     "payload", "sdp", "error", "code", "reconnect"]
)  # fmt: skip
OBJECTS = st.dictionaries(OWN_KEYS, JSON | st.dictionaries(OWN_KEYS, JSON, max_size=4), max_size=8)
WORDS = st.text(min_size=1, max_size=40)
OURS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def v1(time: int) -> str:
    """The version-1 UUID of that time in 100 ns (RFC 9562 section 5.1)."""
    return str(
        uuid.UUID(fields=(time & 0xFFFFFFFF, time >> 32 & 0xFFFF, 0x1000 | time >> 48, 0x80, 0, 1))
    )


@given_settings(deadline=None)
@given(st.text() | JSON.map(json.dumps) | OBJECTS.map(json.dumps))
def test_any_text_in_the_queue_is_a_message_or_nothing(text: str) -> None:
    message = messages.parse(text, Oddities())
    if message is not None:
        assert message.whose(OURS) in Whose
        assert isinstance(message.wants_acknowledgement, bool)


@given_settings(deadline=None)
@given(st.text() | st.binary() | JSON.map(json.dumps) | OBJECTS.map(json.dumps))
def test_any_text_of_the_gateway_is_understood_or_dropped(text: str | bytes) -> None:
    assert isinstance(voice_wire.parse(text, Oddities()), Invite | Ended | Fault | Word | None)


@given_settings(deadline=None)
@given(st.sampled_from(["invite", "cancel", "hangup", "error", "ready", "dance"]), JSON | OBJECTS)
def test_any_payload_of_the_gateway_is_bounded(kind: str, payload: Any) -> None:
    found = voice_wire.parse(json.dumps({"type": kind, "payload": payload}), Oddities())
    if isinstance(found, Invite | Ended):
        assert 0 < len(found.callsid) <= 128


def kebab(key: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in key)


@given_settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": WORDS, "notificationType": WORDS, "sessionId": WORDS, "interactionId": WORDS,
            "resourceId": WORDS, "actionId": WORDS, "subId": WORDS,
            "resource": st.fixed_dictionaries({"sessionId": WORDS}),
            "extraParams": st.fixed_dictionaries({"targetResource": WORDS}),
        },
    )
)  # fmt: skip
def test_kebab_case_reads_as_camel_case(camel: dict[str, Any]) -> None:
    other = {
        kebab(key): {kebab(k): v for k, v in value.items()} if isinstance(value, dict) else value
        for key, value in camel.items()
    }
    first = messages.parse(json.dumps(camel), Oddities())
    second = messages.parse(json.dumps(other), Oddities())
    assert first is not None
    assert first == second
    assert first.session == camel.get("sessionId", camel.get("resource", {}).get("sessionId"))


@given_settings(deadline=None)
@given(st.integers(0, 2**60 - 1), st.integers(0, 2**60 - 1))
def test_the_older_session_is_the_one_made_earlier(theirs: int, ours: int) -> None:
    whose = Message(session_id=v1(theirs)).whose(v1(ours))
    if theirs == ours:
        assert whose is Whose.OURS
    else:
        assert whose is (Whose.OLDER if theirs < ours else Whose.NEWER)


@pytest.mark.parametrize(
    "session", ["word", "9db051c1-40b3-4649-89be-57bbc837286f", "{}", "0" * 200]
)
def test_a_session_that_has_no_time_is_left_to_others(session: str) -> None:
    assert Message(session_id=session).whose(OURS) is Whose.NEWER


def test_a_message_without_session_is_nobody_s() -> None:
    assert Message().whose(OURS) is Whose.NOBODY
    assert Message(session_id="").whose(OURS) is Whose.NOBODY


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, True),
        ({"action_id": None}, False),
        ({"interaction_id": None}, False),
        ({"interaction_id": "00000000-0000-0000-0000-000000000000"}, False),
        ({"type": "send-script"}, False),
        ({"type": "send-message"}, False),
        ({"type": "work-offer"}, True),
    ],
)
def test_what_is_acknowledged(fields: dict[str, Any], wanted: bool) -> None:
    usual = {"type": "agent-notification", "action_id": "a", "interaction_id": "i"}
    assert Message(**(usual | fields)).wants_acknowledgement is wanted


def test_the_gateway_s_messages() -> None:
    def read(kind: str, **payload: Any) -> object:
        text = json.dumps({"type": kind, "version": "1.6", "payload": payload})
        return voice_wire.parse(text, Oddities())

    assert read("invite", callsid="CA1", sdp="v=0", reconnect="r") == Invite("CA1", "v=0", "r")
    assert read("invite", callsid="CA1", sdp="v=0") == Invite("CA1", "v=0", None)
    assert read("invite", callsid="CA1", sdp="v" * 100_000) is None
    assert read("cancel", callsid="CA1") == read("hangup", callsid="CA1") == Ended("CA1")
    assert read("hangup") is None
    assert read("error", error={"code": 31205}) == Fault(31205, None)
    assert read("error", error={"code": "x"}, callsid="CA1") == Fault(0, "CA1")
    assert read("ready") == Word("ready")
    assert voice_wire.parse("\n", Oddities()) is None


def test_each_surprise_is_said_once_and_by_name_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    oddities = Oddities()
    body = {"type": "agent-notification", "sessionId": "s", "strange": "the secret value"}
    for _ in range(3):
        messages.parse(json.dumps(body), oddities)
        voice_wire.parse(json.dumps({"type": "dance\n\x1b", "payload": {"token": "x"}}), oddities)
    assert len(caplog.records) == 2
    assert "strange" in caplog.text
    assert "secret" not in caplog.text
    assert "\x1b" not in caplog.text
    for number in range(2 * MOST):
        oddities.note("number", number)
    assert len(caplog.records) == MOST
