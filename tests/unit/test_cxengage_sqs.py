"""CxEngage's queue from below: what comes back may be anything."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from appliance.platforms.cxengage.answers import (
    QueueAccess,
)
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.sqs import CredentialsError, Received, Sqs
from appliance.platforms.protocol import PlatformError
from tests.support.cxengage_answers import JSON, Handler, client

SESSION_TOKEN = "the-session-token"
QUEUE = QueueAccess.model_validate(
    {
        "queue": {"url": "https://sqs.eu-west-1.amazonaws.com/1/queue"},
        "credentials": {
            "accessKey": "AKID",
            "secretKey": "secret-key",
            "sessionToken": SESSION_TOKEN,
            "ttl": 60,
        },
    }
)


def sqs(handler: Handler, endpoint: str = "") -> Sqs:
    queue = Sqs(client(handler), endpoint, Oddities())
    queue.use(QUEUE, "us-east-1")
    return queue


async def test_receiving_is_signed_for_the_queue_s_region() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        one = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b"}
        return httpx.Response(200, json={"Messages": [one, {"MessageId": 7}]})

    assert await sqs(handle).receive(20) == [Received("m", "r", "b")]
    (request,) = seen
    assert str(request.url) == "https://sqs.eu-west-1.amazonaws.com/"
    assert request.headers["x-amz-target"] == "AmazonSQS.ReceiveMessage"
    assert request.headers["x-amz-security-token"] == SESSION_TOKEN
    assert "/eu-west-1/sqs/aws4_request" in request.headers["authorization"]
    assert json.loads(request.content) == {
        "QueueUrl": QUEUE.queue.url,
        "MaxNumberOfMessages": 1,
        "WaitTimeSeconds": 20,
    }


@pytest.mark.parametrize(
    ("status", "name"),
    [(403, "x"), (401, "x"), (400, "ExpiredTokenException"), (400, "InvalidSecurity")],
)
async def test_refused_credentials_are_told_apart(status: int, name: str) -> None:
    answer = httpx.Response(status, json={"__type": f"com.amazonaws.sqs#{name}", "message": "m"})
    with pytest.raises(CredentialsError):
        await sqs(lambda request: answer).receive(1)


@given_settings(deadline=None)
@given(st.sampled_from([200, 204, 301, 400, 500]), st.binary() | JSON.map(json.dumps))
async def test_whatever_the_queue_answers_is_messages_or_an_error(
    status: int, body: bytes | str
) -> None:
    content = body.encode() if isinstance(body, str) else body
    queue = sqs(lambda request: httpx.Response(status, content=content))
    try:
        received = await queue.receive(1)
    except PlatformError:
        return
    assert isinstance(received, list)


@given_settings(deadline=None)
@given(st.dictionaries(st.just("Messages"), JSON, min_size=1).map(json.dumps))
async def test_whatever_the_messages_are(body: str) -> None:
    queue = sqs(lambda request: httpx.Response(200, content=body.encode()))
    try:
        received = await queue.receive(1)
    except PlatformError:
        return
    assert all(isinstance(one, Received) for one in received)


async def test_secrets_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await sqs(lambda request: httpx.Response(200, json={})).receive(1)
    assert not any(secret in caplog.text for secret in (SESSION_TOKEN, "secret-key", "AKID"))
    assert not any(secret in repr(QUEUE) for secret in (SESSION_TOKEN, "secret-key"))


@pytest.mark.parametrize("url", ["https://127.0.0.1:99999/q", "https://xn--zzzzzzzz99/q"])
async def test_a_queue_that_is_nowhere_is_an_error_in_words(url: str) -> None:
    async with httpx.AsyncClient() as client:
        queue = Sqs(client, "", Oddities())
        place = QUEUE.queue.model_copy(update={"url": url})
        queue.use(QUEUE.model_copy(update={"queue": place}), "eu-west-1")
        with pytest.raises(PlatformError):
            await queue.receive(0)
        with pytest.raises(PlatformError):
            await queue.reach()
