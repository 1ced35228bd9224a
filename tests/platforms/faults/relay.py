"""The edge between a driver and a real server: HTTP and WebSockets, with every fault of a network.

It passes whole messages of the server, so that others can be put between two of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.platforms.faults import wire

Address = tuple[str, int]
PIECE = b" " * 65536
TICK_S = 0.05
ON_THE_WAY = 1000
"""Messages of one connection that can be late at the same time."""
GARBAGE = (
    *(text.encode() for text in ("", "null", "7", '"x"', "[]", "{}", "{", "\ufffd\x00")),
    b"[" * 50_000,
    b"9" * 5000,
    b"\xff\xfe\x00",  # no text at all, at which a WebSocket closes: the last
)


class Relay:
    """What goes wrong is said by its attributes, from now on and for every connection."""

    def __init__(self, to: Address) -> None:
        self.at: Address = to[0], 0
        self.delay_s = 0.0
        """How much later every message of the server arrives."""
        self.refuses = ""
        """The status that answers every request, also one for a WebSocket."""
        self.garbles = False
        """Every answer of the server is garbage."""
        self.bloats = 0
        """Answers of so many bytes come instead of the server's."""
        self.bursts = b""
        """Every answer is this, and is said to be compressed."""
        self.garbage = itertools.cycle(GARBAGE)
        self._to = to
        self._down = False
        self._light = asyncio.Event()
        self._light.set()
        self._passages: set[Passage] = set()

    @property
    def netloc(self) -> str:
        """Host and port, as in an address."""
        return f"{self.at[0]}:{self.at[1]}"

    @property
    def url(self) -> str:
        """Its address as a WebSocket's."""
        return f"ws://{self.netloc}"

    @contextlib.contextmanager
    def darkness(self) -> Any:
        """The link is down, both ways and without a word; what was on its way comes later."""
        self._light.clear()
        try:
            yield
        finally:
            self._light.set()

    def cut(self, *, down: bool = False) -> None:
        """Break every connection as a network does: without a goodbye. *down*: no new one."""
        self._down = down
        for passage in self._passages:
            passage.cut()

    def mend(self) -> None:
        """Let new connections through again."""
        self._down = False

    async def garble(self) -> None:
        """Garbage comes over every WebSocket now, and in every answer until `garbles` is off."""
        self.garbles = True
        for passage in list(self._passages):
            for text in GARBAGE:
                await passage.put(wire.frame_head(len(text)), text)

    async def bloat(self, size: int) -> None:
        """A message of *size* bytes comes over every WebSocket, and in every answer."""
        self.bloats = size
        pieces = itertools.repeat(PIECE, size // len(PIECE))
        for passage in list(self._passages):
            await passage.put(wire.frame_head(size), *pieces)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        await self._light.wait()
        if self._down:
            writer.transport.abort()
            return
        try:
            beyond, to = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        passage = Passage(self, self._light.wait, (reader, writer), (beyond, to))
        self._passages.add(passage)
        try:
            await passage.live()
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # as connections end
        finally:
            self._passages.discard(passage)
            passage.cut()


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Passage:
    """One connection: requests and answers in turn, until it becomes a WebSocket."""

    def __init__(
        self, relay: Relay, light: Callable[[], Coroutine[Any, Any, Any]], near: Ends, far: Ends
    ) -> None:
        self._relay, self._light = relay, light
        self._near, self._far = near, far
        self._writing = asyncio.Lock()
        self._is_websocket = False

    def cut(self) -> None:
        """Both ends at once."""
        for _, writer in (self._near, self._far):
            writer.transport.abort()

    async def live(self) -> None:
        """Raises `ConnectionError` or `IncompleteReadError` at the latest when it is cut."""
        reader, writer = self._far
        while not self._is_websocket and (asked := await wire.head(self._near[0])):
            asked += await wire.body(self._near[0], asked)
            await self._light()
            if await self._spoilt(asked):
                continue
            writer.write(asked)
            if not (answer := await wire.head(reader)):
                raise ConnectionResetError
            self._is_websocket = answer.split(b" ", 2)[1:2] == [wire.SWITCHED]
            answer += b"" if self._is_websocket else await wire.body(reader, answer)
            await asyncio.sleep(self._relay.delay_s)
            await self._tell(answer)
        if self._is_websocket:
            await self._live_on()

    async def put(self, *pieces_of_a_frame: bytes) -> None:
        """Say something in the server's name, if this is a WebSocket."""
        if self._is_websocket:
            with contextlib.suppress(ConnectionError):
                await self._tell(*pieces_of_a_frame)

    async def _spoilt(self, asked: bytes) -> bool:
        """Whether the request was answered here; a WebSocket may only be refused."""
        relay = self._relay
        if relay.refuses:
            await self._tell(wire.answer_head(relay.refuses, 0))
        elif b"\r\nupgrade: websocket" in asked.lower():
            return False
        elif relay.garbles:
            for text in (GARBAGE[hash(self) % len(GARBAGE)],):
                await self._tell(wire.answer_head("200 OK", len(text)), text)
        elif relay.bloats:
            pieces = itertools.repeat(PIECE, relay.bloats // len(PIECE))
            await self._tell(wire.answer_head("200 OK", relay.bloats), *pieces)
        elif relay.bursts:
            head = wire.answer_head("200 OK", len(relay.bursts), "content-encoding: gzip\r\n")
            await self._tell(head, relay.bursts)
        else:
            return False
        return True

    async def _live_on(self) -> None:
        async with asyncio.TaskGroup() as group:
            late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)
            group.create_task(self._forth())
            group.create_task(self._back(late))
            group.create_task(self._arrive(late))

    async def _forth(self) -> None:
        while data := await self._near[0].read(65536):
            await self._light()
            self._far[1].write(data)
            await self._far[1].drain()
        raise ConnectionResetError

    async def _back(self, late: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop()
        while True:
            said = await wire.frame(self._far[0])
            await late.put((clock.time() + self._relay.delay_s, said))

    async def _arrive(self, late: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop()
        while True:
            due, said = await late.get()
            while self._relay.delay_s and clock.time() < due:
                await asyncio.sleep(TICK_S)
            await self._tell(said)

    async def _tell(self, *pieces: bytes) -> None:
        await self._light()
        async with self._writing:
            for piece in pieces:
                self._near[1].write(piece)
                await self._near[1].drain()


@asynccontextmanager
async def relayed(to: Address, secured: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    """A relay before the server at *to*, on the same host."""
    relay = Relay(to)
    async with await asyncio.start_server(relay.carry, to[0], 0, ssl=secured) as server:
        relay.at = to[0], server.sockets[0].getsockname()[1]
        yield relay
        relay.cut()
