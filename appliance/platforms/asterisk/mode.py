"""What both ways to a site's Asterisk have in common: two connections kept up, a list, and legs."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk.admission import admit
from appliance.platforms.asterisk.checks import run_checks
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.registration import Registration
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.standing import Standing, keep_up
from appliance.platforms.protocol import (
    Capability,
    Check,
    LegNeeds,
    LegPort,
    PlatformError,
    Sink,
)
from appliance.platforms.sip.dialog import IncomingCall
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

SECONDS_TO_FINISH = 1.0


class LegsOfMode(Protocol):
    """Our legs on the server, however they listen."""

    def keep(self, handles: frozenset[str]) -> None:
        """Legs of a former life that are not to be removed."""

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the server has taken it over."""

    async def leave(self, handle: str) -> None:
        """Remove whatever is there of it."""

    async def resume(self, handle: str) -> bool:
        """Take it up; false when it is gone."""

    def server_is_new(self) -> None:
        """It was started again: nothing of ours is there."""

    async def finish(self, limit_s: float) -> None:
        """Let what is being removed be removed, for a while."""


Connection = TypeVar("Connection")


class Mode(ABC, Generic[Connection]):
    """Implements `appliance.platforms.protocol.Driver`, but for what a mode does its own way; it
    connects again for ever once started.
    """

    name = "asterisk"
    capabilities = frozenset(Capability)
    leg: LegNeeds
    _legs: LegsOfMode

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._listing = Listing(settings)
        self._standing = Standing(self._listing)
        self._registration = Registration(settings, self._standing, self._called)
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs = Jobs()
        self._server = ""
        """Which life of the server this is."""

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect; returns at once."""
        self._standing.sink = sink
        self._legs.keep(kept)
        listing = keep_up("list", self._live_through_one, self._standing, self._settings)
        self._tasks = [
            deadly_task(listing, "Asterisk's list"),
            deadly_task(self._registration.run(), "SIP"),
        ]

    async def stop(self) -> None:
        """Disconnect; what is being removed goes first, while both connections stand."""
        await self._legs.finish(SECONDS_TO_FINISH)
        for task in reversed(self._tasks):
            await stop_tasks(task)
        self._tasks = []
        await self._registration.agent.finish()
        await self._jobs.finish(0)

    async def check(self) -> list[Check]:
        """Address, certificate, sign-in, list, what the mode needs, and the leg's registration."""
        return await run_checks(self._settings, self._standing.fault_of("leg") or "")

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently."""
        self._reachable()
        admit(self._listing, handle, interaction_id)
        await self._registration.wait()
        await self._join(handle, interaction_id, leg)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the server has taken it over."""
        await self._legs.set_audience(handle, audience)

    async def leave(self, handle: str) -> None:
        """End our own leg; if the server cannot be reached, as soon as it can."""
        await self._legs.leave(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take a leg of a former life up; its audience is as it was."""
        return await self._legs.resume(handle)

    def _reachable(self) -> Connection:
        if self._connection is None:
            raise PlatformError(
                "Asterisk cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._connection

    def _met(self, connection: Connection, started: str) -> None:
        """The list is read; *started* tells one life of the server from another."""
        self._connection = connection
        if self._server not in ("", started):
            self._legs.server_is_new()
        self._server = started

    # -- what a mode does its own way

    @abstractmethod
    async def _join(self, handle: str, interaction_id: str, leg: LegPort) -> None:
        """Join a call that may be joined. Raises `PlatformError`; nothing is left then."""

    @abstractmethod
    async def _live_through_one(self) -> None:
        """From connecting to the loss, which is raised as `PlatformError`."""

    @abstractmethod
    def _called(self, call: IncomingCall) -> None:
        """Somebody calls the box's endpoint."""
