"""The sandbox's line to its contact centre, which breaks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable
from typing import Any

from websockets.exceptions import ConnectionClosedError

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sandbox.link import Link


class _BreakingSocket:
    """Its connection breaks while something is being sent."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()

    async def send(self, data: str) -> None:
        await self.broken.wait()
        await asyncio.sleep(0)  # the reader hears of it first
        raise ConnectionClosedError(None, None)

    def __aiter__(self) -> _BreakingSocket:
        return self

    async def __anext__(self) -> Any:
        await self.broken.wait()
        raise ConnectionClosedError(None, None)


async def _code(asking: Awaitable[object]) -> str:
    """Of the error; the error itself is let go, with all that hangs on it."""
    try:
        await asking
    except PlatformError as error:
        return error.code
    return ""


async def test_a_connection_that_breaks_under_a_request_is_no_fault() -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    socket = _BreakingSocket()
    link = Link(socket, 5.0)  # type: ignore[arg-type]
    reading = asyncio.create_task(link.read(lambda event: None))
    asking = asyncio.create_task(_code(link.request("leave", handle="h1")))
    await asyncio.sleep(0.01)  # both wait for the socket
    socket.broken.set()
    assert await asking == EndReason.PLATFORM_LOST
    await reading
    gc.collect()
    assert faults == []
