"""CxEngage's REST interface and queue from below: what comes back may be anything."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from appliance.platforms.cxengage.answers import (
    Config,
    Login,
    Presence,
    QueueAccess,
    Token,
    read,
)
from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.listing import Rights, rows_of
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.rest import Rest, StatusError, path_of, read_bounded
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.protocol import PlatformError
from tests.support.cxengage_answers import JSON, Handler, client

SETTINGS = CxEngageSettings.model_validate(
    {
        "base_url": "https://platform.example.org/v1/",
        "user": "sue",
        "password": "pa55word",
        "request_timeout": 2.0,
    }
)
TOKEN = "the-token"


def rest(handler: Handler) -> Rest:
    """It signs in by itself; the handler sees the rest."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tokens"):
            return httpx.Response(200, json={"token": TOKEN})
        return handler(request)

    return Rest(SETTINGS, client(handle), Oddities())


async def test_a_request_carries_the_token_and_a_quoted_path() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"result": {}})

    await rest(handle).post("tenants", "a/b?c#d", body={"x": 1})
    (request,) = seen
    assert request.headers["authorization"] == f"Token {TOKEN}"
    assert request.url.raw_path == b"/v1/tenants/a%2Fb%3Fc%23d"
    assert path_of("..", "é") == "../%C3%A9"


async def test_a_refused_token_is_renewed_once() -> None:
    statuses = [401, 200, 401, 401]
    access = rest(lambda request: httpx.Response(statuses.pop(0), json={}))
    await access.get("x")
    with pytest.raises(StatusError):
        await access.get("x")
    assert not statuses


async def test_a_5xx_is_tried_again_and_a_4xx_is_not() -> None:
    statuses = [500, 503, 200, 418]
    access = rest(lambda request: httpx.Response(statuses.pop(0), json={}))
    await access.get("x")
    with pytest.raises(StatusError, match="418"):
        await access.get("x")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"no JSON"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b"\xff"),
        httpx.Response(302, headers={"location": "https://elsewhere.example.org/"}),
        httpx.Response(500),
        httpx.Response(403, content=b"\x00"),
    ],
)
async def test_odd_answers_are_errors_in_words_without_secrets(
    answer: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PlatformError) as caught:
        await rest(lambda request: answer).get("x")
    assert caught.value.detail.endswith(".")
    said = caught.value.detail + caplog.text
    assert not any(secret in said for secret in ("pa55word", TOKEN))


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.RemoteProtocolError("no")])
async def test_a_platform_that_is_not_there_is_lost(error: httpx.HTTPError) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(PlatformError) as caught:
        await Rest(SETTINGS, client(handle), Oddities()).get("x")
    assert caught.value.code == "platform_lost"


async def test_no_request_lasts_longer_than_its_limit() -> None:
    async def handle(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    access = Rest(SETTINGS, httpx.AsyncClient(transport=httpx.MockTransport(handle)), Oddities())
    begun = asyncio.get_running_loop().time()
    with pytest.raises(PlatformError):
        await access.get("x")
    assert asyncio.get_running_loop().time() - begun < 4


async def test_signing_in_lasts_no_longer_than_a_request() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as client:
        impatient = SETTINGS.model_copy(update={"request_timeout": 0.05})
        with pytest.raises(PlatformError, match="did not let the box in within"):
            await Rest(impatient, client, Oddities()).sign_in()


async def test_an_answer_without_end_is_cut() -> None:
    with pytest.raises(PlatformError):
        await read_bounded(httpx.Response(200, content=b"x" * 100), 99)


async def test_a_wrong_password_is_said_without_it() -> None:
    access = Rest(SETTINGS, client(lambda request: httpx.Response(401, json={})), Oddities())
    with pytest.raises(PlatformError) as caught:
        await access.get("x")
    assert "password" in caught.value.detail
    assert "pa55word" not in caught.value.detail


@given_settings(deadline=None)
@given(JSON)
def test_any_answer_is_read_or_refused(data: Any) -> None:
    for model in (Config, Login, Presence, QueueAccess):
        try:
            answer = read(model, data, Oddities())
        except PlatformError:
            continue
        assert isinstance(answer, model)


def listed(rows: Any) -> Any:
    return {"results": {"w1": {"body": {"results": {"interactions": rows}}}}}


KEYS = st.sampled_from(
    ["interactionId", "agents", "customer", "channelType", "direction", "state", "monitors",
     "startTimestamp", "conversationStartTimestamp", "currentStateDuration", "agentId"]
)  # fmt: skip


@given_settings(deadline=None)
@given(
    JSON
    | st.lists(
        st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON, max_size=3), max_size=2)),
        max_size=5,
    ).map(listed)
)
def test_any_list_is_read_or_refused(data: Any) -> None:
    try:
        rows = rows_of(data, Rights("me", may_monitor=True), {}, Oddities())
    except PlatformError:
        return
    for row in rows:
        assert row.interaction.started_at.tzinfo is not None
        assert row.interaction.id


def test_a_bad_row_spoils_only_itself() -> None:
    good = {
        "interactionId": "i",
        "agents": [{"agentId": "me", "agentName": "Me"}],
        "startTimestamp": "2026-01-02T03:04:05.000Z",
        "monitors": [{"agentId": "me", "startTimestamp": None}],
    }
    answer = listed([7, {}, {"interactionId": {}}, good, good | {"channelType": "sms"} | {
        "interactionId": "text"
    }])  # fmt: skip
    (row,) = rows_of(answer, Rights("me", may_monitor=True), {}, Oddities())
    assert row.own_call
    assert row.monitored_by_us
    assert row.interaction.started_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert not row.interaction.monitorable


@pytest.mark.parametrize("token", ["\ud800", "é", "two words", "a\r\nX-Y: z", "", "x" * 20_000])
def test_a_token_that_fits_no_header_is_refused_unseen(token: str) -> None:
    with pytest.raises(PlatformError) as caught:
        read(Token, {"token": token}, Oddities())
    assert not token or token not in f"{caught.value.detail} {caught.value.__cause__!r}"


@given_settings(deadline=None)
@given(st.binary() | st.text(st.characters()) | JSON.map(json.dumps))
def test_json_is_loaded_so_that_it_can_be_written_again(raw: bytes | str) -> None:
    try:
        value = load(raw)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("load_raw", [b'{"a":"x\\ud800"}', '{"a":"x\ud800"}', b'{"a":"x\xff"}'])
def test_half_a_character_spoils_nothing_else(load_raw: bytes | str) -> None:
    try:
        assert load(load_raw) == {"a": "x?"}
    except ValueError:
        assert isinstance(load_raw, bytes)
        assert b"\xff" in load_raw  # no UTF-8 at all
