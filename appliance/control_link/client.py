"""Control's side of the control link: connects for ever, pings, and asks with a time limit."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.control_link.commands import Command, Ping
from appliance.control_link.events import AnyEvent, Reply, Snapshot, any_event
from appliance.control_link.framing import Channel, LinkError, connect
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

MAX_PENDING = 64


class LegUnreachableError(BargeboxError):
    """The leg process cannot be reached, or did not answer in time."""

    code = "leg_unreachable"


class LegError(BargeboxError):
    """The leg refused a command; ``code`` and ``detail`` are its own."""


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """Seconds. The leg hangs up after 5 s without a line, so ``ping_s`` leaves room for four."""

    first_pause_s: float = 0.1
    longest_pause_s: float = 1.0
    ping_s: float = 1.0
    silence_s: float = 3.0
    request_s: float = 2.0


class LegLink:
    """The connection to the leg process at the Unix socket *path*.

    *on_connection(True)* comes before the connection's `Snapshot`, *on_connection(False)* when it
    is lost; *on_event* gets the snapshot and every later event but replies. Both are called on the
    loop and must not block.
    """

    def __init__(
        self,
        path: Path,
        on_event: Callable[[AnyEvent], None],
        on_connection: Callable[[bool], None],
        *,
        times: LinkTimes | None = None,
        on_death: Callable[[str], None] = die,
    ) -> None:
        self._path = path
        self._on_event = on_event
        self._on_connection = on_connection
        self._times = times or LinkTimes()
        self._on_death = on_death
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._channel: Channel[AnyEvent] | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_complaint = ""
        self.heard_at = time.monotonic()

    @property
    def connected(self) -> bool:
        """Whether a connection is up and its snapshot is there."""
        return self._channel is not None

    def start(self) -> None:
        """Begin to connect; goes on until `stop`."""
        self._task = deadly_task(self._run(), "leg link", on_death=self._on_death)

    async def stop(self) -> None:
        """Close the connection; open requests fail with `LegUnreachableError`."""
        await stop_tasks(self._task)
        self._task = None

    async def request(
        self, command: Callable[[int], Command], *, limit_s: float | None = None
    ) -> Reply:
        """Send ``command(id)`` and wait for its reply, by default 2 s.

        The command is on its way before this first yields, so commands keep the order of the
        calls. Raises `LegError` when the leg refuses and `LegUnreachableError` when it is away.
        """
        channel = self._channel
        if channel is None or len(self._pending) >= MAX_PENDING:
            raise LegUnreachableError("The headset process is not running; it restarts by itself.")
        number = next(self._numbers)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            channel.send(command(number))
            async with asyncio.timeout(limit_s or self._times.request_s):
                reply = await future
        except LinkError as error:
            raise LegUnreachableError(error.detail) from None
        except TimeoutError:
            raise LegUnreachableError("The headset process did not answer in time.") from None
        finally:
            self._pending.pop(number, None)
        if not reply.ok:
            raise LegError(
                reply.detail or "The headset process refused.", code=reply.code or "failed"
            )
        return reply

    async def _run(self) -> None:
        pause = self._times.first_pause_s
        while True:
            try:
                async with asyncio.timeout(self._times.silence_s):
                    channel = await connect(self._path, any_event)
            except OSError as error:  # a TimeoutError is one
                self._complain(f"cannot be reached: {error or 'no answer'}")
            else:
                if await self._serve(channel):
                    pause = self._times.first_pause_s
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._times.longest_pause_s)

    async def _serve(self, channel: Channel[AnyEvent]) -> bool:
        """Use *channel* until it is lost; tells whether it ever worked."""
        pinging: asyncio.Task[None] | None = None
        try:
            first = await self._next(channel)
            if not isinstance(first, Snapshot):
                raise LinkError("The first message must be a snapshot.")
            self._channel = channel
            self._last_complaint = ""
            log.info("connected to the leg %s", first.leg_id)
            self._on_connection(True)
            self._on_event(first)
            pinging = deadly_task(self._ping(channel), "leg link ping", on_death=self._on_death)
            while (event := await self._next(channel)) is not None:
                if isinstance(event, Reply):
                    self._resolve(event)
                else:
                    self._on_event(event)
            self._complain("closed the connection")
        except LinkError as error:
            self._complain(f"closing the connection: {error.detail}")
        except TimeoutError:
            self._complain(f"said nothing for {self._times.silence_s:g} s; reconnecting")
        finally:
            worked = self._channel is not None
            self._lose()
            try:
                await stop_tasks(pinging)
            finally:  # also when `stop` comes in between
                await channel.close()
        return worked

    async def _next(self, channel: Channel[AnyEvent]) -> AnyEvent | None:
        async with asyncio.timeout(self._times.silence_s):
            event = await channel.receive()
        self.heard_at = time.monotonic()
        return event

    async def _ping(self, channel: Channel[AnyEvent]) -> None:
        while True:
            try:
                channel.send(Ping(id=next(self._numbers)))
            except LinkError as error:
                self._complain(error.detail)
                channel.abort()
            await asyncio.sleep(self._times.ping_s)

    def _resolve(self, reply: Reply) -> None:
        future = self._pending.get(reply.id)
        if future is not None and not future.done():
            future.set_result(reply)

    def _lose(self) -> None:
        if self._channel is None:
            return
        self._channel = None
        for future in self._pending.values():
            if not future.done():
                future.set_exception(LegUnreachableError("The headset process went away."))
        self._on_connection(False)

    def _complain(self, words: str) -> None:
        """Log a trouble once, not at each of the attempts that follow."""
        if words != self._last_complaint:
            self._last_complaint = words
            log.warning("leg: %s", words)
