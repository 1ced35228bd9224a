"""The edge between a driver and its real servers, with every fault of a network."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from tests.platforms.faults.passage import AmiPassage, Passage, WebPassage
from tests.platforms.faults.trouble import GARBAGE, PIECE, Trouble

Address = tuple[str, int]


class Relay(Trouble):
    """A way to each of some servers; what goes wrong, goes wrong with all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.ways: dict[Address, Address] = {}
        """Where each server is reached by way of this."""
        self.carried = 0
        """Connections that came to be."""
        self._down = False
        self._passages: set[Passage] = set()

    @property
    def url(self) -> str:
        """The address of the way to the first server, as a WebSocket's."""
        host, port = next(iter(self.ways.values()))
        return f"ws://{host}:{port}"

    def cut(self, *, down: bool = False) -> None:
        """Break every connection as a network does: without a goodbye. *down*: no new one."""
        self._down = down
        for passage in self._passages:
            self.done["cut"] += 1
            passage.cut()

    def mend(self) -> None:
        """Let new connections through again."""
        self._down = False

    async def garble(self) -> None:
        """Garbage comes over every open connection now, and in every answer until `garbles` is
        off.
        """
        self.garbles = True
        for passage in list(self._passages):
            for text in GARBAGE:
                await passage.put(len(text), text)

    async def bloat(self, size: int) -> None:
        """A message of *size* bytes comes over every open connection, and in every answer."""
        self.bloats = size
        pieces = itertools.repeat(PIECE, size // len(PIECE))
        for passage in list(self._passages):
            await passage.put(size, *pieces)

    async def carry(
        self,
        kind: type[Passage],
        to: Address,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """One connection, to its end."""
        await self.light.wait()
        if self._down:
            writer.transport.abort()
            return
        try:
            beyond, back = await asyncio.open_connection(*to)
        except OSError:
            writer.transport.abort()
            return
        passage = kind(self, (reader, writer), (beyond, back))
        self._passages.add(passage)
        self.carried += 1
        try:
            await passage.live()
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # as connections end
        finally:
            self._passages.discard(passage)
            passage.cut()


@asynccontextmanager
async def relayed(
    *servers: Address, ami: frozenset[Address] = frozenset(), secured: ssl.SSLContext | None = None
) -> AsyncIterator[Relay]:
    """A way to each of *servers*, on its own host; to *ami* in AMI's words, else in HTTP's."""
    relay = Relay()
    async with AsyncExitStack() as stack:
        for to in servers:
            carry = partial(relay.carry, AmiPassage if to in ami else WebPassage, to)
            listening = await asyncio.start_server(carry, to[0], 0, ssl=secured)
            await stack.enter_async_context(listening)
            relay.ways[to] = to[0], listening.sockets[0].getsockname()[1]
        yield relay
        relay.cut()
