"""SIP: messages, the digest of a challenge, and a user agent on a connection that says them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import cast

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.building import ack_of_refusal, cancel_of, response_to
from appliance.platforms.sip.client import Client
from appliance.platforms.sip.dialog import IncomingCall
from appliance.platforms.sip.digest import authorization, challenges_of
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import (
    MAX_HEADERS,
    Message,
    address,
    parameter,
    parse,
    split,
    user_of,
)
from appliance.platforms.sip.transport import Transport
from appliance.service.jobs import Jobs

ACCOUNT = Account("ws://sip.example.org/ws", "box", "box", SecretStr("secret"))
BETWEEN = b"\x00--\x00"
"""Parts the messages of one connection."""
LONGEST_S = 1.0
ENOUGH_S = 0.01


def messages(data: bytes) -> None:
    """One message, and all that is ever asked of it. What is understood is understood again."""
    try:
        message = parse(data)
    except SipError:
        return
    for name in ("From", "To", "Contact", "Via"):
        value = message.get(name)
        address(value), user_of(value), split(value), parameter(value, "tag")
    _ = message.cseq, message.branch
    if message.method:
        parse(response_to(message, 200, "t", "v=0", "<sip:me>").build())
        parse(cancel_of(message).build())
    again = parse(message.build())
    assert (again.headers, again.body) == (message.headers, message.body)
    with contextlib.suppress(SipError):
        ack_of_refusal(message, message).build()


def challenges(data: bytes) -> None:
    """Several challenges, one a line."""
    lines = data.decode(errors="replace").splitlines()[:MAX_HEADERS]
    with contextlib.suppress(SipError):
        for one in challenges_of(lines):
            proof = authorization(one, user="u", password="hidden", method="INVITE", uri="sip:a@b")
            assert "hidden" not in proof or b"hidden" in data


class Connection:
    """Says what it was given, and takes what is said."""

    def __init__(self, texts: list[bytes]) -> None:
        self._texts = texts
        self.sent: list[str] = []

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for text in self._texts:
            yield text
            await asyncio.sleep(0)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def agent(data: bytes) -> None:
    """A user agent that takes each call, on a connection that says several messages."""
    _loop().run_until_complete(_live_through(data.split(BETWEEN)[:16]))


async def _live_through(texts: list[bytes]) -> None:
    deaths: list[str] = []
    connection = Connection(texts)
    transport = Transport(cast(ClientConnection, connection), LONGEST_S, secured=False)
    jobs = Jobs(on_death=deaths.append)
    user_agent = UserAgent(ACCOUNT, lambda call: _take(jobs, call))
    user_agent._jobs = jobs
    taken_late = user_agent._taken_late
    user_agent._client = Client(transport, "box", user_agent._credentials, jobs, taken_late)
    headers = [("Via", transport.via()), ("From", "<sip:a@b>"), ("To", "<sip:c@d>")]
    headers += [("Call-ID", "asked"), ("CSeq", "1 OPTIONS")]
    asked = Message("OPTIONS", "sip:c@d", headers=headers)
    waiting = asyncio.ensure_future(transport.request(asked))
    await asyncio.sleep(0)
    async with asyncio.timeout(LONGEST_S):
        with contextlib.suppress(SipError):  # as it ends
            await transport.read(user_agent._requested, user_agent._stray)
    await jobs.finish(ENOUGH_S)  # an answer is repeated for half a minute
    await asyncio.gather(waiting, return_exceptions=True)
    assert not deaths
    for text in connection.sent:
        parse(text)


def _take(jobs: Jobs, call: IncomingCall) -> None:
    async def answer() -> None:
        with contextlib.suppress(SipError):
            await call.answer("v=0\r\n")

    jobs.spawn(answer(), "a call")
