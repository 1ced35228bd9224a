"""The driver of Asterisk. It touches no media: SDP passes through as text."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.admission import admit
from appliance.platforms.asterisk.ari import Ari
from appliance.platforms.asterisk.checks import run_checks
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.monitoring import Legs
from appliance.platforms.asterisk.registration import Registration
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.standing import Standing, keep_up
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import (
    Capability,
    Check,
    LegNeeds,
    LegPort,
    PlatformError,
    Sink,
)
from appliance.platforms.sip.dialog import BUSY, NOT_ACCEPTABLE, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.service.errors import BargeboxError
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

SECONDS_TO_FINISH = 1.0


class AsteriskDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "asterisk"
    capabilities = frozenset(Capability)

    def __init__(self, settings: AsteriskSettings) -> None:
        self.leg = LegNeeds(offers=False)
        self._settings = settings
        self._ari: Ari | None = None
        self._listing = Listing(settings)
        self._standing = Standing(self._listing)
        self._registration = Registration(settings, self._standing, self._called)
        self._legs = Legs(settings, self._listing, self._reachable, self._standing.ended)
        self._waiting: dict[str, LegPort] = {}
        """Legs that the server is about to call."""
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
            deadly_task(listing, "ARI"),
            deadly_task(self._registration.run(), "SIP"),
        ]

    async def stop(self) -> None:
        """Disconnect; the leg's endpoint goes first, while ARI still stands."""
        await self._legs.finish(SECONDS_TO_FINISH)
        for task in reversed(self._tasks):
            await stop_tasks(task)
        self._tasks = []
        await self._jobs.finish(0)

    async def check(self) -> list[Check]:
        """Address, certificate, sign-in, list, and the leg's own registration."""
        return await run_checks(self._settings, self._registration.stands())

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently. The server calls the leg, so that it offers and the box answers."""
        self._reachable()
        admit(self._listing, handle, interaction_id)
        await self._registration.wait()
        self._waiting[handle] = leg
        try:
            await self._legs.join(handle, interaction_id, f"PJSIP/{self._settings.endpoint}")
        finally:
            self._waiting.pop(handle, None)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the server has taken it over."""
        await self._legs.set_audience(handle, audience)

    async def leave(self, handle: str) -> None:
        """End our own leg; if the server cannot be reached, as soon as it can."""
        await self._legs.leave(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take a leg of a former life up; its audience is as it was."""
        return await self._legs.resume(handle)

    # -- the connection

    async def _live_through_one(self) -> None:
        """From connecting to the loss, which is raised as `PlatformError`."""
        context = await tls_context(self._settings)
        ari = Ari(self._settings, f"bargebox-{self._settings.endpoint}", context)
        try:
            await ari.open()
            # Events wait in the socket meanwhile, so that none is lost.
            await self._read_anew(ari)
            await ari.read(self._heard)
            raise PlatformError("The connection to Asterisk was lost; it is being made again.")
        finally:
            self._ari = None
            await ari.close()

    async def _read_anew(self, ari: Ari) -> None:
        info = await ari.get("asterisk/info", only="status")
        status = info.get("status") if isinstance(info, dict) else None
        started = str(status.get("startup_time", "")) if isinstance(status, dict) else ""
        channels, bridges = await ari.channels(), await ari.bridges()
        if variable := self._settings.monitoring_variable:
            answer = await ari.get("asterisk/variable", variable=variable)
            value = answer.get("value") if isinstance(answer, dict) else ""
            self._listing.global_monitoring = str(value or "")
        for ended in self._listing.replace_all(channels, bridges):
            log.debug("%s %s", ended.id, ended.state)
        self._ari = ari
        if self._server not in ("", started):
            self._legs.server_is_new()
        self._server = started
        self._legs.read_anew(channels, bridges)
        self._standing.stands("list")

    def _reachable(self) -> Ari:
        if self._ari is None:
            raise PlatformError(
                "Asterisk cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._ari

    # -- what the server tells

    def _heard(self, event: wire.Event) -> None:
        self._standing.changed(self._listing.apply(event))
        self._legs.heard(event)

    def _called(self, call: IncomingCall) -> None:
        self._jobs.spawn(self._answer(call), "SIP call")

    async def _answer(self, call: IncomingCall) -> None:
        """Only a call that we asked for is taken; it carries the handle as its caller."""
        leg = self._waiting.pop(call.caller, None)
        if leg is None and len(self._waiting) == 1:  # an endpoint may set a caller of its own
            leg = self._waiting.popitem()[1]
        try:
            if leg is None or not call.offer:
                await call.reject(BUSY)
                return
            await call.answer(await leg.answer(call.offer))
        except BargeboxError as error:  # the leg's errors too: it may have been hung up meanwhile
            log.warning("the leg is not connected: %s", error.detail)
            with suppress(SipError):
                await call.reject(NOT_ACCEPTABLE)
