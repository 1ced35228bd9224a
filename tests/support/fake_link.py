"""The leg's end of the control link, with faults to order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from appliance.control_link.base import MAX_LINE, Message
from appliance.control_link.commands import AnyCommand, Ping, any_command
from appliance.control_link.events import Reply, Snapshot
from appliance.control_link.framing import Channel, LinkError


class RefusalError(Exception):
    """The fake leg refuses a command."""

    def __init__(self, code: str, detail: str = "refused") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass
class FakeLink(ABC):
    """Serves one control process at a time on a real socket.

    ``taken`` is every command but pings. ``refuse`` maps a command's type to the code it is refused
    with, ``deaf`` holds the types that are never answered; a ``silent`` link says nothing at all.
    """

    path: Path
    taken: list[AnyCommand] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    silent: bool = False
    _channel: Channel[AnyCommand] | None = None
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """What is told first on every connection."""

    @abstractmethod
    async def carry_out(self, command: AnyCommand) -> Reply:
        """Do it. Raises `RefusalError`."""

    async def start(self) -> None:
        """Listen."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_LINE)

    async def stop(self) -> None:
        """Vanish as a killed process does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Cut the connection; the leg itself goes on."""
        if self._channel is not None:
            self._channel.abort()
            self._channel = None

    def names(self) -> list[str]:
        """The types of the commands taken."""
        return [command.type for command in self.taken]

    def emit(self, event: Message) -> None:
        """Send an event, if control is there."""
        if self._channel is not None and not self.silent:
            try:
                self._channel.send(event)
            except LinkError:
                self._channel = None

    def send_raw(self, data: bytes) -> None:
        """Send what is no message."""
        assert self._channel is not None
        self._channel._writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer, any_command)
        self._channel = channel
        try:
            self.emit(self.snapshot())
            while (command := await channel.receive()) is not None:
                if not isinstance(command, Ping):
                    self.taken.append(command)
                if command.type not in self.deaf:
                    self._begin(command)
        except LinkError:
            channel.abort()
        finally:
            if self._channel is channel:
                self._channel = None
            await channel.close()

    def _begin(self, command: AnyCommand) -> None:
        task = asyncio.create_task(self._answer(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, command: AnyCommand) -> None:
        try:
            if code := self.refuse.get(command.type):
                raise RefusalError(code)
            reply = await self.carry_out(command)
        except RefusalError as refusal:
            reply = Reply(id=command.id, ok=False, code=refusal.code, detail=refusal.detail)
        self.emit(reply)
