"""The driver's WebSocket: replies find their requests, and nothing that arrives breaks it."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from appliance.control_link.words import EndReason
from appliance.platforms.janus.driver import JanusDriver
from appliance.platforms.janus.link import JanusRefusedError, Link, TlsError
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.wire import Message
from appliance.platforms.protocol import Capability, PlatformConnection, PlatformError
from tests.support.janus_stand_in import linked, stand_in

SECRET = "kept-to-itself"
HOSTILE: list[object] = [
    "",
    "null",
    "[1, 2]",
    "{",
    b"\xff\x00",
    {"janus": 5},
    {"janus": "event", "sender": -1},
    {"janus": "event", "sender": 2**70},
    {"janus": "x" * 65},
    {"janus": "event", "jsep": {"type": "offer", "sdp": "v" * 70_000}},
    {"janus": "success", "transaction": "never-asked"},
    {"janus": "success", "transaction": "7", "data": {"id": "one"}},
]


def success(request: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"janus": "success", "transaction": request["transaction"], **fields}


async def test_an_ack_is_no_answer_but_to_a_keepalive() -> None:
    def answer(request: dict[str, Any]) -> list[object]:
        ack = {"janus": "ack", "transaction": request["transaction"]}
        return [ack] if request["janus"] == "keepalive" else [ack, success(request)]

    async with linked(answer) as (link, _):
        assert (await link.request("message")).janus == "success"
        assert (await link.request("keepalive")).janus == "ack"


async def test_what_cannot_be_understood_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with linked(lambda request: [*HOSTILE, success(request, data={"id": 3})]) as (link, _):
        for _ in range(3):
            reply = await link.request("create")
            assert reply.data is not None
            assert reply.data.id == 3
    assert len([r for r in caplog.records if "cannot be understood" in r.message]) == 1


async def test_refusals_become_words_and_numbers() -> None:
    def answer(request: dict[str, Any]) -> list[object]:
        error = {"code": 458, "reason": "No such session 7"}
        return [{"janus": "error", "transaction": request["transaction"], "error": error}]

    async with linked(answer) as (link, _):
        with pytest.raises(JanusRefusedError, match=r"^Janus refused: No such session 7\.$") as at:
            await link.request("claim")
    assert at.value.number == 458


@pytest.mark.parametrize("reason", [None, 7, "two\nlines", "x" * 3000, "\u202e"])
async def test_a_plugin_s_odd_reason_is_no_trouble(reason: object) -> None:
    data = {"error_code": "many", "error": reason}

    def answer(request: dict[str, Any]) -> list[object]:
        return [success(request, plugindata={"plugin": "p", "data": data})]

    async with linked(answer) as (link, _):
        with pytest.raises(JanusRefusedError) as at:
            await link.request("message")
    assert at.value.number == 0
    assert len(at.value.detail) < 250
    assert at.value.detail.isprintable()


async def test_no_answer_in_time_and_no_connection_are_the_platform_lost() -> None:
    async with linked(lambda request: [], request_timeout=0.1) as (link, _):
        with pytest.raises(PlatformError) as late:
            await link.request("create")
        await link.close()
        with pytest.raises(PlatformError) as lost:
            await link.request("create")
    assert late.value.code == lost.value.code == EndReason.PLATFORM_LOST
    with pytest.raises(PlatformError, match=r"does not answer"):
        await Link.open(JanusSettings(url="ws://127.0.0.1:9", request_timeout=1.0))


async def test_a_certificate_is_trusted_only_if_the_settings_say_so(
    certificate: tuple[Path, Path],
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    async with stand_in(lambda request: [success(request, data={"id": 4})], tls) as url:
        with pytest.raises(TlsError, match=r"tls_ca\.$"):
            await Link.open(JanusSettings(url=url))
        (failed,) = await JanusDriver(JanusSettings(url=url)).check()
        assert (failed.step, failed.passed) == ("tls", False)
        trusting = JanusSettings(url=url, tls_ca=certificate[0])
        checks = await JanusDriver(trusting).check()
        assert [check.step for check in checks if check.passed][:3] == ["address", "tls", "sign_in"]
        with pytest.raises(TlsError, match=r"correct tls_ca\.$"):
            await Link.open(JanusSettings(url=url, tls_ca=certificate[0].with_name("none")))


async def test_events_are_told_and_secrets_are_not(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> list[object]:
        asked.append(request)
        return [{"janus": "hangup", "session_id": 5, "sender": 6}, success(request)]

    async with linked(answer, api_secret=SECRET) as (link, events):
        await link.request("create")
    assert asked[0]["apisecret"] == SECRET
    assert [(e.janus, e.session_id, e.sender) for e in events] == [("hangup", 5, 6)]
    assert SECRET not in caplog.text + repr(JanusSettings.model_validate({"api_secret": SECRET}))


@given(st.recursive(st.none() | st.integers() | st.text(), lambda v: st.dictionaries(
    st.sampled_from([*Message.model_fields, "code", "id", "sdp", "type"]), v)))  # fmt: skip
def test_a_message_is_understood_or_refused(value: object) -> None:
    try:
        Message.model_validate_json(json.dumps(value))
    except ValidationError:
        return


answers = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**65) | st.text(max_size=8),
    lambda v: (
        st.lists(v, max_size=3)
        | st.dictionaries(
            st.sampled_from(["list", "participants", "room", "id", "description", "error_code"]), v
        )
    ),
    max_leaves=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(answers, min_size=1, max_size=6))
def test_no_list_breaks_the_driver(lists: list[object]) -> None:
    """It tells of its connection, and goes on trying, whatever the plugins answer."""

    def answer(request: dict[str, Any]) -> list[object]:
        if request["janus"] != "message":
            return [success(request, data={"id": 9})]
        value = lists[int(request["transaction"]) % len(lists)]
        data = value if isinstance(value, dict) else {"list": value}
        return [success(request, plugindata={"plugin": "p", "data": data})]

    async def live() -> None:
        async with stand_in(answer) as url:
            told: list[object] = []
            driver = JanusDriver(JanusSettings(url=url, list_every=0.01, retry_first=0.01))
            await driver.start(told.append)
            async with asyncio.timeout(5):
                while not any(isinstance(event, PlatformConnection) for event in told):
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.03)
            await driver.stop()

    asyncio.run(live())


def test_capabilities_follow_the_settings() -> None:
    def able(**fields: object) -> frozenset[Capability]:
        return JanusDriver(JanusSettings.model_validate(fields)).capabilities

    assert able() == frozenset(Capability)
    assert able(coach_suffix="") == able() - {Capability.COACH}
    assert able(speaking=False) == able() - {Capability.COACH, Capability.BARGE}
