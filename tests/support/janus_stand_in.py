"""A WebSocket that answers as a test says: for what the real Janus never sends."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from appliance.platforms.janus.link import Link
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.wire import Message

Answer = Callable[[dict[str, Any]], list[object]]
"""What to send for a request: texts as they are, anything else as JSON."""


@asynccontextmanager
async def stand_in(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Its address."""

    async def talk(socket: ServerConnection) -> None:
        async for text in socket:
            for item in answer(json.loads(text)):
                await socket.send(item if isinstance(item, str | bytes) else json.dumps(item))

    protocol = Subprotocol("janus-protocol")
    async with serve(
        talk, "127.0.0.1", 0, subprotocols=[protocol], compression=None, ssl=tls
    ) as server:
        (socket,) = server.sockets
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{socket.getsockname()[1]}"


@asynccontextmanager
async def linked(answer: Answer, **settings: object) -> AsyncIterator[tuple[Link, list[Message]]]:
    """A connection to it, and the events that come."""
    events: list[Message] = []
    async with stand_in(answer) as url:
        link = await Link.open(JanusSettings.model_validate({"url": url, **settings}))
        reading = asyncio.create_task(link.read(events.append))
        try:
            yield link, events
        finally:
            await link.close()
            await reading
