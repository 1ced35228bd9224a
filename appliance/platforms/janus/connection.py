"""The driver's life with Janus: connect, list the calls, tidy up, and again after each loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from appliance.control_link.words import EndReason
from appliance.platforms.janus import names
from appliance.platforms.janus.directory import Directory
from appliance.platforms.janus.legs import Legs
from appliance.platforms.janus.link import Link
from appliance.platforms.janus.rooms import Book
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import (
    InteractionChanged,
    InteractionsSnapshot,
    InteractionState,
    LegEnded,
    PlatformError,
)
from appliance.platforms.telling import Teller
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

KEEP_S = 2.0
"""Janus forgets a session after ``session_timeout``, 60 s by default."""
SIGN_OUT_S = 1.0


class Connection:
    """At most one connection at a time, and what is known of the site over it."""

    def __init__(self, settings: JanusSettings) -> None:
        self.teller = Teller()
        self.book = Book()
        self.legs = Legs(settings.watch_every, lambda: self._directory, self._state_of, self._ended)
        self._settings = settings
        self._link: Link | None = None
        self._directory: Directory | None = None
        self._looking = asyncio.Lock()
        self._listed = False
        """Whether the calls of this connection have been told."""
        self._leftovers: set[str] = set()
        """Legs to remove as soon as Janus can be reached."""
        self._tidy_up = asyncio.Event()

    def link(self) -> Link:
        """The connection there is. Raises `PlatformError` (``platform_lost``) without one."""
        if self._link is None:
            raise _unreachable()
        return self._link

    def directory(self) -> Directory:
        """What to ask about rooms. Raises `PlatformError` (``platform_lost``)."""
        if self._directory is None:
            raise _unreachable()
        return self._directory

    def abandon(self, handle: str) -> None:
        """The leg is unwanted: forget it here, and remove it at Janus when that is possible."""
        self.legs.drop(handle)
        self._leftovers.add(handle)
        self._tidy_up.set()

    async def remove(self, handle: str) -> None:
        """Remove whatever Janus has of this leg. Raises `PlatformError`."""
        link, directory = self.link(), self.directory()
        await Session(link, names.session_id(handle)).destroy()
        await directory.drop_own_room(handle)
        self._leftovers.discard(handle)

    async def look(self, directory: Directory) -> None:
        """Look at all rooms, and tell what changed. Raises `PlatformError`."""
        async with self._looking:
            changed = self.book.take(await directory.rooms())
        if not self._listed:
            self._listed = True
            every = tuple(call.interaction for call in self.book.calls.values())
            self.teller.tell(InteractionsSnapshot(every))
            return
        for interaction in changed:
            self.teller.tell(InteractionChanged(interaction))

    async def stay(self) -> None:
        """Connect, and again after each loss, until cancelled."""
        settings = self._settings
        await self.teller.stay_connected(
            self._live_through_one, settings.retry_first, settings.retry_longest
        )

    async def _live_through_one(self) -> None:
        """From connecting to the loss. Raises `PlatformError` when it did not get that far."""
        link = await Link.open(self._settings)
        reading = asyncio.create_task(link.read(self.legs.heard), name="janus reader")
        work: list[asyncio.Task[None]] = [reading]
        directory: Directory | None = None
        try:
            directory = await Directory.open(link, self._settings)
            await directory.attach()
            await directory.rooms()  # before we say that all is well
            self._link, self._directory = link, directory
            self._listed = False
            self.teller.all_is_well()
            await self.legs.take_up(link)
            await self.look(directory)
            self._tidy_up.set()
            work += self._work(directory)
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            self.teller.complain(_why(work))
        finally:
            self._link = self._directory = None
            await stop_tasks(*work[1:])
            await self._sign_out(directory)
            await stop_tasks(reading)
            await link.close()

    def _work(self, directory: Directory) -> list[asyncio.Task[None]]:
        async def keep() -> None:
            await directory.session.keep()
            await self.legs.keep()

        async def look() -> None:
            await self.look(directory)

        return [
            asyncio.create_task(_regularly(self._settings.list_every, look), name="janus list"),
            asyncio.create_task(_regularly(KEEP_S, keep), name="janus keepalive"),
            asyncio.create_task(self._tidy(), name="janus leftovers"),
        ]

    async def _tidy(self) -> None:
        """Remove what was abandoned; whatever fails is tried again on the next connection."""
        while True:
            await self._tidy_up.wait()
            self._tidy_up.clear()
            for handle in sorted(self._leftovers):
                try:
                    await self.remove(handle)
                except PlatformError as error:
                    log.warning("leg %s is not removed yet: %s", handle, error.detail)

    async def _sign_out(self, directory: Directory | None) -> None:
        """Leave no session behind, where Janus still answers."""
        if directory is None:
            return
        try:
            async with asyncio.timeout(SIGN_OUT_S):
                await directory.session.destroy()
        except (PlatformError, TimeoutError):
            log.debug("Janus was gone before the box could sign out")

    def _ended(self, handle: str, reason: EndReason) -> None:
        if self.legs.get(handle) is not None:
            self.abandon(handle)
            self.teller.tell(LegEnded(handle, reason))

    def _state_of(self, room: str) -> InteractionState:
        call = self.book.calls.get(room)
        return call.interaction.state if call else "in-conversation"


async def _regularly(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await act()


def _why(work: list[asyncio.Task[None]]) -> str:
    """What ended the connection. Raises whatever is no `PlatformError`."""
    for task in work:
        if task.done() and (error := task.exception()) is not None:
            if not isinstance(error, PlatformError):
                raise error
            if error.code != EndReason.PLATFORM_LOST:
                return error.detail
    return "The connection to Janus was lost; trying again."


def _unreachable() -> PlatformError:
    return PlatformError(
        "Janus cannot be reached at the moment; try again.", code=EndReason.PLATFORM_LOST
    )
