"""The way to a server, which can be cut: every connection over it breaks, and new ones may come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.platforms.janus.server import HOST, PORT


class Relay:
    """TCP, byte for byte."""

    def __init__(self, port: int) -> None:
        self.url = ""
        self._port = port
        self.delay_s = 0.0
        """How much later Janus's answers arrive."""
        self._down = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self, *, down: bool = False) -> None:
        """Break every connection as a network does: without a goodbye. *down*: no new one."""
        self._down = down
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Let new connections through again."""
        self._down = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            writer.transport.abort()
            return
        beyond, to = await asyncio.open_connection(HOST, self._port)
        self._writers |= {writer, to}
        try:
            await asyncio.gather(self._pass(reader, to), self._pass(beyond, writer, slow=True))
        finally:
            self._writers -= {writer, to}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool = False
    ) -> None:
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(self.delay_s if slow else 0.0)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def relayed(port: int = PORT) -> AsyncIterator[Relay]:
    """A relay to *port*, whose ``url`` a driver can be given."""
    relay = Relay(port)
    async with await asyncio.start_server(relay.carry, HOST, 0) as server:
        relay.url = f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"
        yield relay
        relay.cut()
