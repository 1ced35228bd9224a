"""A SIP server that answers as a test says: for what a real one can't be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from appliance.platforms.sip.account import Account
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.building import response_to
from appliance.platforms.sip.dialog import IncomingCall
from appliance.platforms.sip.message import Headers, Message, parse

LIMIT_S = 5.0
PLACE = "<sip:peer@192.0.2.1>"
Answer = Callable[[Message], Message | None]


def response(request: Message, status: int, *extra: tuple[str, str], sdp: str = "") -> Message:
    """A response of the server's."""
    return response_to(request, status, "there", sdp, PLACE, list(extra))


def _taken(request: Message) -> Message:
    return response(request, 200)


class StandIn:
    """The server and its one client: requests of ours are answered with 200 if not otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Answer] = {}
        self.received: list[Message] = []
        self.calls: list[IncomingCall] = []
        self._socket: ServerConnection | None = None
        self._numbers = 0

    async def talk(self, socket: ServerConnection) -> None:
        """One connection."""
        self._socket = socket
        async for text in socket:
            message = parse(text)
            self.received.append(message)
            if message.method and message.method != "ACK":
                answer = self.answers.get(message.method, _taken)
                if (said := answer(message)) is not None:
                    await self.send(said)

    async def send(self, *messages: Message | str | bytes) -> None:
        """As they are."""
        assert self._socket is not None
        for one in messages:
            await self._socket.send(one.build() if isinstance(one, Message) else one)

    async def cut(self) -> None:
        """Close the connection."""
        assert self._socket is not None
        await self._socket.close()

    def got(self, what: str | int) -> list[Message]:
        """Requests of a method, or responses of a status."""
        return [one for one in self.received if what in (one.method, one.status) and what]

    async def wait(self, what: str | int, count: int = 1) -> Message:
        """The *count*-th such message."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.got(what)) < count:
                await asyncio.sleep(0.002)
        return self.got(what)[count - 1]

    def request(
        self,
        method: str,
        *extra: tuple[str, str],
        call: str = "one",
        tag: str = "",
        cseq: int = 0,
        body: str = "",
    ) -> Message:
        """One of the server's; *tag* is ours of a dialog."""
        self._numbers += 1
        headers: Headers = [
            ("Via", f"SIP/2.0/WS there.invalid;branch=z9hG4bK{self._numbers}"),
            ("From", "<sip:peer@192.0.2.1>;tag=there"),
            ("To", "<sip:box@127.0.0.1>" + (f";tag={tag}" if tag else "")),
            ("Call-ID", call),
            ("CSeq", f"{cseq or self._numbers} {method}"),
            ("Contact", PLACE),
            *extra,
        ]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return Message(method, "sip:box@127.0.0.1", headers=headers, body=body)


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """A server."""
    server = StandIn()
    protocol = Subprotocol("sip")
    async with serve(
        server.talk, "127.0.0.1", 0, subprotocols=[protocol], compression=None
    ) as listening:
        (socket,) = listening.sockets
        server.url = f"ws://127.0.0.1:{socket.getsockname()[1]}"
        yield server


@asynccontextmanager
async def signed_in() -> AsyncIterator[tuple[StandIn, UserAgent]]:
    """A server, and a user agent that is registered there."""
    async with stand_in() as server:
        account = Account(server.url, "box", "box", SecretStr("secret"))
        agent = UserAgent(account, server.calls.append, time_limit=1.0)
        life = asyncio.create_task(agent.run(None))
        try:
            async with asyncio.timeout(LIMIT_S):
                await agent.registered.wait()
            yield server, agent
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
