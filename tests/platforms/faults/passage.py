"""One connection by way of the relay. It passes whole messages of the server, so that others can be
put between two of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from abc import ABC, abstractmethod

from tests.platforms.faults import wire
from tests.platforms.faults.trouble import PIECE, Trouble

TICK_S = 0.05
ON_THE_WAY = 1000
"""Messages of one connection that can be late at the same time."""
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Passage(ABC):
    """The box is near, the server far."""

    def __init__(self, trouble: Trouble, near: Ends, far: Ends) -> None:
        self._trouble, self._near, self._far = trouble, near, far
        self._writing = asyncio.Lock()

    def cut(self) -> None:
        """Both ends at once."""
        for _, writer in (self._near, self._far):
            writer.transport.abort()

    @abstractmethod
    async def live(self) -> None:
        """Raises `ConnectionError` or `IncompleteReadError` at the latest when it is cut."""

    @abstractmethod
    async def put(self, size: int, *pieces: bytes) -> None:
        """Say *pieces*, of *size* bytes together, in the server's name; where there is nothing to
        say it in, nothing is said.
        """

    @abstractmethod
    async def _said(self) -> bytes:
        """The server's next message, whole."""

    @abstractmethod
    async def _forth(self) -> None:
        """Pass on what the box says, until it says no more."""

    async def _both_ways(self) -> None:
        async with asyncio.TaskGroup() as group:
            late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)
            group.create_task(self._forth())
            group.create_task(self._back(late))
            group.create_task(self._arrive(late))

    async def _back(self, late: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop()
        while True:
            said = await self._said()
            await late.put((clock.time() + self._trouble.delay_s, said))

    async def _arrive(self, late: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop()
        while True:
            due, said = await late.get()
            while self._trouble.delay_s and clock.time() < due:
                await asyncio.sleep(TICK_S)
            await self._tell(said)

    async def _tell(self, *pieces: bytes) -> None:
        await self._trouble.light.wait()
        async with self._writing:
            for piece in pieces:
                self._near[1].write(piece)
                await self._near[1].drain()


class WebPassage(Passage):
    """Requests and answers in turn, until it becomes a WebSocket."""

    _is_websocket = False

    async def live(self) -> None:
        reader, writer = self._far
        while not self._is_websocket and (asked := await wire.head(self._near[0])):
            asked += await wire.body(self._near[0], asked)
            await self._trouble.light.wait()
            if await self._spoilt(asked):
                continue
            writer.write(asked)
            if not (answer := await wire.head(reader)):
                raise ConnectionResetError
            self._is_websocket = answer.split(b" ", 2)[1:2] == [wire.SWITCHED]
            answer += b"" if self._is_websocket else await wire.body(reader, answer)
            await asyncio.sleep(self._trouble.delay_s)
            await self._tell(answer)
        if self._is_websocket:
            await self._both_ways()

    async def put(self, size: int, *pieces: bytes) -> None:
        if self._is_websocket:
            self._trouble.done["said"] += 1
            with contextlib.suppress(ConnectionError):
                await self._tell(wire.frame_head(size), *pieces)

    async def _said(self) -> bytes:
        return await wire.frame(self._far[0])

    async def _forth(self) -> None:
        while data := await self._near[0].read(65536):
            await self._trouble.light.wait()
            self._far[1].write(data)
            await self._far[1].drain()
        raise ConnectionResetError

    async def _spoilt(self, asked: bytes) -> bool:
        """Whether the request was answered here; a WebSocket may only be refused."""
        trouble = self._trouble
        if trouble.refuses:
            await self._tell(wire.answer_head(trouble.refuses, 0))
        elif b"\r\nupgrade: websocket" in asked.lower():
            return False
        elif trouble.garbles:
            text = next(trouble.garbage)
            await self._tell(wire.answer_head("200 OK", len(text)), text)
        elif trouble.bloats:
            pieces = itertools.repeat(PIECE, trouble.bloats // len(PIECE))
            await self._tell(wire.answer_head("200 OK", trouble.bloats), *pieces)
        elif trouble.bursts:
            head = wire.answer_head("200 OK", len(trouble.bursts), "content-encoding: gzip\r\n")
            await self._tell(head, trouble.bursts)
        else:
            return False
        trouble.done["answered"] += 1
        return True


class AmiPassage(Passage):
    """Asterisk's AMI: a banner, then messages of lines both ways."""

    _greeted = False

    async def live(self) -> None:
        await self._both_ways()

    async def put(self, size: int, *pieces: bytes) -> None:
        assert size >= 0
        self._trouble.done["said"] += 1
        with contextlib.suppress(ConnectionError):
            await self._tell(*pieces, wire.FIELDS_END)

    async def _said(self) -> bytes:
        end = wire.FIELDS_END if self._greeted else b"\r\n"
        self._greeted = True
        return await self._far[0].readuntil(end)

    async def _forth(self) -> None:
        while asked := await wire.head(self._near[0]):
            await self._trouble.light.wait()
            if not await self._spoilt(asked):
                self._far[1].write(asked)
                await self._far[1].drain()
        raise ConnectionResetError

    async def _spoilt(self, asked: bytes) -> bool:
        trouble = self._trouble
        if trouble.refuses:
            await self._tell(wire.ami_refusal(asked))
        elif trouble.garbles:
            await self._tell(next(trouble.garbage), wire.FIELDS_END)
        elif trouble.bloats:
            await self._tell(*itertools.repeat(PIECE, trouble.bloats // len(PIECE)))
        else:
            return False
        trouble.done["answered"] += 1
        return True
