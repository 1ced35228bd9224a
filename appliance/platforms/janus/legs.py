"""The legs that this life of the driver has, each with its watch over the call's room."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from appliance.control_link.words import EndReason
from appliance.platforms.janus import wire
from appliance.platforms.janus.directory import Directory
from appliance.platforms.janus.leg import JanusLeg
from appliance.platforms.janus.link import JanusRefusedError, Link
from appliance.platforms.protocol import InteractionState, PlatformError
from appliance.service.errors import BargeboxError
from appliance.service.jobs import Jobs
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)


class Legs:
    """*on_ended(handle, reason)* is called when the platform, or the call, ended one of them."""

    def __init__(
        self,
        watch_every: float,
        directory: Callable[[], Directory | None],
        state_of: Callable[[str], InteractionState],
        on_ended: Callable[[str, EndReason], None],
    ) -> None:
        self._watch_every = watch_every
        self._directory = directory
        self._state_of = state_of
        self._on_ended = on_ended
        self._legs: dict[str, JanusLeg] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._jobs = Jobs()

    def get(self, handle: str) -> JanusLeg | None:
        """The leg, if there is one of that handle."""
        return self._legs.get(handle)

    def add(self, leg: JanusLeg) -> None:
        """Take it in before anything of it is made, for its end may overtake that."""
        self._legs[leg.handle] = leg

    def begin(self, leg: JanusLeg, *, speaking: bool) -> None:
        """It listens: watch the room, and prepare its voice; unless it has ended meanwhile."""
        if self._legs.get(leg.handle) is not leg:
            return
        tasks = [self._jobs.spawn(self._watch(leg), f"room watch of {leg.handle}")]
        if speaking:
            tasks.append(self._jobs.spawn(_prepare(leg), f"voice of {leg.handle}"))
        self._tasks[leg.handle] = tasks

    def drop(self, handle: str) -> bool:
        """Know it no longer; whether it was known. Its tasks are cancelled, not awaited."""
        for task in self._tasks.pop(handle, []):
            task.cancel()
        return self._legs.pop(handle, None) is not None

    async def stop(self) -> None:
        """End what runs here; at Janus nothing changes."""
        running = [task for tasks in self._tasks.values() for task in tasks]
        self._tasks.clear()
        await stop_tasks(*running)
        await self._jobs.finish(0)

    def heard(self, event: wire.Message) -> None:
        """An event of some session, maybe of a leg's."""
        for handle, leg in list(self._legs.items()):
            if event.session_id == leg.session.id:
                reason = leg.heard(event)
                if reason is not None:
                    self._on_ended(handle, reason)

    async def take_up(self, link: Link) -> None:
        """Own the sessions on a new connection; those that are gone ended meanwhile.

        Raises `PlatformError`.
        """
        for handle, leg in list(self._legs.items()):
            if not await leg.session.claim(link):
                self._on_ended(handle, EndReason.PLATFORM_LOST)

    async def keep(self) -> None:
        """Tell Janus that they are wanted. Raises `PlatformError`."""
        for handle, leg in list(self._legs.items()):
            try:
                await leg.session.keep()
            except JanusRefusedError as error:
                if error.number != wire.SESSION_NOT_FOUND:
                    raise
                self._on_ended(handle, EndReason.PLATFORM_LOST)

    async def _watch(self, leg: JanusLeg) -> None:
        while self._legs.get(leg.handle) is leg:
            await asyncio.sleep(self._watch_every)
            directory = self._directory()
            if directory is None:
                continue
            try:
                reason = await self._look(leg, directory)
            except PlatformError as error:
                log.warning("the room of %s cannot be looked at: %s", leg.handle, error.detail)
                continue
            if reason is not None and self._legs.get(leg.handle) is leg:
                self._on_ended(leg.handle, reason)

    async def _look(self, leg: JanusLeg, directory: Directory) -> EndReason | None:
        here = await directory.publishers(leg.room)
        if here is None:
            return leg.watch.gone()
        reason = leg.watch.look(here, self._state_of(leg.room), time.monotonic())
        if reason is None:
            await leg.ear.follow(here)
            await leg.place()
        return reason


async def _prepare(leg: JanusLeg) -> None:
    """Have the way to speak ready; what fails here is tried again when it is needed."""
    try:
        await leg.voice.open(leg.port)
    except BargeboxError as error:
        log.warning("no way to speak into the call yet: %s", error.detail)
