"""User agents of the box's own kind, in pairs: one calls, the other takes it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.platforms.sip.message import Message

LIMIT_S = 10.0


def description(
    version: int = 1, direction: str = "sendrecv", ufrag: str = "abcd", user: str = "a"
) -> str:
    """As a WebRTC leg would write it; nothing is ever sent to it."""
    lines = [
        "v=0",
        f"o={user} 1 {version} IN IP4 192.0.2.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 96 0",
        "c=IN IP4 192.0.2.1",
        "a=mid:0",
        f"a=ice-ufrag:{ufrag}",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:0 PCMU/8000",
        f"a={direction}",
    ]
    return "".join(f"{line}\r\n" for line in lines)


class End:
    """One user agent that is there until it is left; it connects again after a loss."""

    def __init__(self, account: Account) -> None:
        self.ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self.requests: list[Message] = []
        self.faults: list[str] = []
        self.registrations = 0
        self.agent = UserAgent(account, self.ringing.put_nowait)
        self.agent.tap = self.requests.append

    async def stay(self, context: ssl.SSLContext | None) -> None:
        """As a driver does it, in short."""
        while True:
            try:
                await self.agent.run(context, self._registered)
            except SipError as error:
                self.faults.append(error.detail)
            await asyncio.sleep(0.1)

    def heard(self, method: str) -> list[Message]:
        """Requests that came in."""
        return [request for request in self.requests if request.method == method]

    async def take(self) -> Dialog:
        """Answer the next call."""
        async with asyncio.timeout(LIMIT_S):
            call = await self.ringing.get()
        return await call.answer(description(user="b").replace("actpass", "active"))

    def _registered(self) -> None:
        self.registrations += 1


async def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Fails after *limit_s*."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def end_at(
    ws_url: str,
    name: str,
    password: str,
    *,
    user: str = "",
    context: ssl.SSLContext | None = None,
    **more: Any,
) -> AsyncIterator[End]:
    """A registered one; *more* are fields of its account."""
    end = End(Account(ws_url, name, user or name, SecretStr(password), **more))
    life = asyncio.create_task(end.stay(context))
    try:
        await until(lambda: end.agent.registered.is_set() or bool(end.faults))
        assert not end.faults, end.faults
        yield end
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def connected(caller: End, called: End, uri: str) -> tuple[Dialog, Dialog]:
    """A call between the two."""
    taking = asyncio.create_task(called.take())
    dialog, _ = await caller.agent.invite(uri, description())
    return dialog, await taking
