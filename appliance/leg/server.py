"""The leg's end of the control link: one control process at a time, the newest wins.

A connection becomes control with its first valid command; until then it hears everything and
disturbs nobody, so that garbage on the socket cannot displace a control process that works.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.control_link.base import MAX_LINE, Message
from appliance.control_link.commands import AnyCommand, CloseGate, HangUp, any_command
from appliance.control_link.events import CheckLevel, Levels, Quality, Reply, Snapshot
from appliance.control_link.framing import Channel, LinkError
from appliance.service.errors import BargeboxError
from appliance.service.tasks import die, stop_tasks

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 4
"""One more takes the place of the oldest that is not control."""
MAX_IN_FLIGHT = 32
"""Commands that may be under way; one more is refused (``busy``), but never to mute or leave."""

SAFE = (CloseGate, HangUp)
"""Muting and leaving are done at once, whoever asked."""

Handler = Callable[[AnyCommand], Awaitable[Reply]]


class SocketError(BargeboxError):
    """The control link's socket cannot be made."""

    code = "control_link"


class LinkServer:
    """Listens on a Unix socket; *snapshot* is sent first on every connection.

    Events for nobody are dropped: the next control process gets a snapshot. *new_control* is
    called when another one takes over, before its first command is handled.
    """

    def __init__(
        self,
        handle: Handler,
        snapshot: Callable[[], Snapshot],
        new_control: Callable[[], None] = lambda: None,
    ) -> None:
        self._handle = handle
        self._snapshot = snapshot
        self._new_control = new_control
        self._channels: list[Channel[AnyCommand]] = []
        self._control: Channel[AnyCommand] | None = None
        self._server: asyncio.Server | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self.heard_at = time.monotonic()
        self.was_heard = False
        """Whether control has ever been there."""

    @property
    def control_is_there(self) -> bool:
        """Whether a control process is connected and was heard within the last 2.5 s."""
        return self._control is not None and time.monotonic() - self.heard_at < 2.5

    async def start(self, path: Path, inherited: socket.socket | None = None) -> None:
        """Listen at *path*, or on the socket that systemd handed over.

        Raises `SocketError` when the path cannot be used.
        """
        listener = inherited or await asyncio.to_thread(_listen, path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    async def stop(self) -> None:
        """Close the link; commands under way are given up."""
        if self._server is not None:
            self._server.close()
        await stop_tasks(*self._in_flight)
        for channel in list(self._channels):
            await channel.close()

    def emit(self, event: Message) -> None:
        """Send to whoever is connected. One that does not read is let go."""
        for channel in list(self._channels):
            if isinstance(event, Levels | Quality | CheckLevel) and channel.unsent > MAX_LINE // 4:
                continue
            self._send(channel, event)

    def _send(self, channel: Channel[AnyCommand], message: Message) -> None:
        try:
            channel.send(message)
        except LinkError as error:
            self._let_go(channel, error)

    def _let_go(self, channel: Channel[AnyCommand], error: LinkError) -> None:
        log.warning("a control connection is closed: %s", error.detail)
        self._forget(channel)
        channel.abort()

    def _forget(self, channel: Channel[AnyCommand]) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
        if self._control is channel:
            self._control = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer, any_command)
        self._make_room()
        self._channels.append(channel)
        self._send(channel, self._snapshot())
        try:
            while (command := await channel.receive()) is not None:
                if channel not in self._channels:
                    break  # replaced meanwhile; what it had sent before must not bring it back
                self._adopt(channel)
                self._begin(channel, command)
        except LinkError as error:
            self._let_go(channel, error)
        self._forget(channel)
        await channel.close()

    def _make_room(self) -> None:
        """Some that connect and say nothing must not keep control out."""
        others = [channel for channel in self._channels if channel is not self._control]
        if len(self._channels) >= MAX_CONNECTIONS:
            why = f"more than {MAX_CONNECTIONS} connections to the control link"
            self._let_go(others[0], LinkError(why))

    def _adopt(self, channel: Channel[AnyCommand]) -> None:
        """Whoever sent a valid command last is control."""
        self.heard_at, self.was_heard = time.monotonic(), True
        former, self._control = self._control, channel
        if former is not channel:
            self._new_control()
        if former is not None and former is not channel:
            log.warning("a newer control process takes the control link over")
            self._forget(former)
            former.abort()
            self._control = channel

    def _begin(self, channel: Channel[AnyCommand], command: AnyCommand) -> None:
        if len(self._in_flight) >= MAX_IN_FLIGHT and not isinstance(command, SAFE):
            busy = Reply(id=command.id, ok=False, code="busy", detail="too many commands at once")
            self._send(channel, busy)
            return
        task = asyncio.create_task(self._answer(channel, command), name=command.type)
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    async def _answer(self, channel: Channel[AnyCommand], command: AnyCommand) -> None:
        replaced = self._control not in (None, channel)
        if replaced and not isinstance(command, SAFE):
            return  # not begun yet when another took over, who was told of no microphone
        self._send(channel, await self._handle(command))

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
