"""The driver of an Asterisk without ARI: AMI tells of the calls, ChanSpy listens to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk.admission import admit
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.ami_text import AmiMessage
from appliance.platforms.asterisk.ami_wire import Translator
from appliance.platforms.asterisk.checks import run_checks
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.registration import Registration
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying import SpyingLegs
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
from appliance.platforms.sip.dialog import BUSY, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

SECONDS_TO_FINISH = 1.0


class SpyingDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "asterisk"
    capabilities = frozenset(Capability)

    def __init__(self, settings: AsteriskSettings) -> None:
        self.leg = LegNeeds(offers=True)
        self._settings = settings
        self._ami: Ami | None = None
        self._listing = Listing(settings)
        self._translator = Translator(settings.spy_context)
        self._standing = Standing(self._listing)
        self._registration = Registration(settings, self._standing, self._called)
        self._legs = SpyingLegs(
            settings,
            self._listing,
            self._reachable,
            self._registration.agent,
            self._standing.ended,
        )
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
            deadly_task(listing, "AMI"),
            deadly_task(self._registration.run(), "SIP"),
        ]

    async def stop(self) -> None:
        """Disconnect; what is being removed goes first, while both connections stand."""
        await self._legs.finish(SECONDS_TO_FINISH)
        for task in reversed(self._tasks):
            await stop_tasks(task)
        self._tasks = []
        await self._jobs.finish(0)

    async def check(self) -> list[Check]:
        """Address, certificate, sign-in, list, permissions, dialplan, the leg's registration."""
        return await run_checks(self._settings, self._registration.stands())

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently: call the server, and have the call spy."""
        self._reachable()
        admit(self._listing, handle, interaction_id)
        await self._registration.wait()
        await self._legs.join(handle, interaction_id, leg)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the server has taken it over."""
        await self._legs.set_audience(handle, audience)

    async def leave(self, handle: str) -> None:
        """End our own leg; if the server cannot be reached, as soon as it can."""
        await self._legs.leave(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take a leg of a former life up; its audience is as it was."""
        return await self._legs.resume(handle)

    async def _live_through_one(self) -> None:
        """From connecting to the loss, which is raised as `PlatformError`."""
        ami = Ami(self._settings, await tls_context(self._settings))
        try:
            await ami.open()
            # Events are kept meanwhile, so that none is lost.
            await self._read_anew(ami)
            await ami.read(self._heard)
        finally:
            self._ami = None
            await ami.close()

    async def _read_anew(self, ami: Ami) -> None:
        status = await ami.ask("CoreStatus")
        started = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        channels, bridges = self._translator.listed(await ami.listed("CoreShowChannels"))
        if variable := self._settings.monitoring_variable:
            answer = await ami.ask("Getvar", Variable=variable)
            self._listing.global_monitoring = answer.get("Value")
        self._listing.replace_all(channels, bridges)
        self._ami = ami
        if self._server not in ("", started):
            self._legs.server_is_new()
        self._server = started
        self._legs.read_anew(channels)
        self._standing.stands("list")

    def _heard(self, message: AmiMessage) -> None:
        event = self._translator.event(message)
        if event is not None:
            self._standing.changed(self._listing.apply(event))
            self._legs.heard(event)

    def _reachable(self) -> Ami:
        if self._ami is None:
            raise PlatformError(
                "Asterisk cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._ami

    def _called(self, call: IncomingCall) -> None:
        """Nobody calls a box."""

        async def reject() -> None:
            with suppress(SipError):  # the connection went in that moment
                await call.reject(BUSY)

        self._jobs.spawn(reject(), "SIP call")
