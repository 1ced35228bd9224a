"""The leg's end of the control link: one control process at a time, the newest wins."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.control_link.framing import Channel, LinkError
from appliance.control_link.messages import (
    MAX_LINE,
    AnyCommand,
    Levels,
    Message,
    Quality,
    Reply,
    Snapshot,
    commands,
)
from appliance.service.errors import BargeboxError
from appliance.service.tasks import die, stop_tasks

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 32
"""Commands that may be under way; one more is refused (``busy``)."""

Handler = Callable[[AnyCommand], Awaitable[Reply]]


class SocketError(BargeboxError):
    """The control link's socket cannot be made."""

    code = "control_link"


class LinkServer:
    """Listens on a Unix socket; *snapshot* is sent first on every connection.

    Events for nobody are dropped: the next control process gets a snapshot.
    """

    def __init__(self, handle: Handler, snapshot: Callable[[], Snapshot]) -> None:
        self._handle = handle
        self._snapshot = snapshot
        self._channel: Channel[AnyCommand] | None = None
        self._server: asyncio.Server | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self.heard_at = time.monotonic()

    @property
    def control_is_there(self) -> bool:
        """Whether a control process is connected and was heard within the last 2.5 s."""
        return self._channel is not None and time.monotonic() - self.heard_at < 2.5

    async def start(self, path: Path, inherited: socket.socket | None = None) -> None:
        """Listen at *path*, or on the socket that systemd handed over.

        Raises `SocketError` when the path cannot be used.
        """
        listener = inherited or _listen(path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    async def stop(self) -> None:
        """Close the link; commands under way are given up."""
        if self._server is not None:
            self._server.close()
        await stop_tasks(*self._in_flight)
        if self._channel is not None:
            await self._channel.close()

    def emit(self, event: Message) -> None:
        """Send to control if it is there. A control that does not read is let go."""
        channel = self._channel
        if channel is None:
            return
        if isinstance(event, Levels | Quality) and channel.unsent > MAX_LINE // 4:
            return
        try:
            channel.send(event)
        except LinkError as error:
            self._let_go(channel, error)

    def _let_go(self, channel: Channel[AnyCommand], error: LinkError) -> None:
        log.warning("the control link is closed: %s", error.detail)
        channel.abort()
        if self._channel is channel:
            self._channel = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer, commands)
        if self._channel is not None:
            log.warning("a newer control process takes the control link over")
            self._channel.abort()
        self._channel = channel
        self.heard_at = time.monotonic()
        try:
            channel.send(self._snapshot())
            while (command := await channel.receive()) is not None:
                self.heard_at = time.monotonic()
                self._begin(channel, command)
        except LinkError as error:
            self._let_go(channel, error)
        if self._channel is channel:
            self._channel = None
        await channel.close()

    def _begin(self, channel: Channel[AnyCommand], command: AnyCommand) -> None:
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            channel.send(
                Reply(id=command.id, ok=False, code="busy", detail="too many commands at once")
            )
            return
        task = asyncio.create_task(self._answer(channel, command), name=command.type)
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    async def _answer(self, channel: Channel[AnyCommand], command: AnyCommand) -> None:
        reply = await self._handle(command)
        try:
            channel.send(reply)
        except LinkError as error:
            self._let_go(channel, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("command %s failed", task.get_name(), exc_info=error)
            die(task.get_name())


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o660)
    except OSError as error:
        listener.close()
        raise SocketError(
            f"cannot listen for control at {path}: {error.strerror}; check the run directory"
        ) from error
    return listener
