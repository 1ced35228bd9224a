"""A control process as raw as it gets, and the server that it talks to."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.control_link.base import MAX_LINE
from appliance.leg.server import LinkServer

Json = dict[str, Any]


class Control:
    """A control process as raw as it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._number = 0
        self._asking = asyncio.Lock()
        """One reads at a time: another would take away the reply that this one waits for."""

    def write(self, line: bytes) -> None:
        self.writer.write(line + b"\n")

    def send(self, type_: str, **fields: object) -> int:
        self._number += 1
        self.write(json.dumps({"type": type_, "id": self._number, **fields}).encode())
        return self._number

    async def next(self, *types: str) -> Json:
        async with asyncio.timeout(10):
            while True:
                message: Json = json.loads(await self.reader.readuntil(b"\n"))
                if message["type"] in types:
                    return message

    async def reply(self, number: int) -> Json:
        while True:
            message = await self.next("reply")
            if message["id"] == number:
                return message

    async def ask(self, type_: str, **fields: object) -> Json:
        async with self._asking:
            return await self.reply(self.send(type_, **fields))

    async def closed(self) -> bool:
        """Read to the end, which must come."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                await self.reader.read()
        return True


@dataclass
class Link:
    """A server, and whoever connects to it."""

    server: LinkServer
    path: Path
    controls: list[Control] = field(default_factory=list)

    async def connect(self) -> Control:
        control = Control(*await asyncio.open_unix_connection(self.path, limit=4 * MAX_LINE))
        self.controls.append(control)
        await control.next("snapshot")
        return control

    async def close(self) -> None:
        for control in self.controls:
            control.writer.close()
            with suppress(ConnectionError):
                await control.writer.wait_closed()
        await self.server.stop()
