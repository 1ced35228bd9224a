"""The driver of Asterisk. It touches no media: SDP passes through as text."""

from __future__ import annotations

import asyncio
import logging
import re

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, tls_context
from appliance.platforms.asterisk.checks import account_of, run_checks
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.monitoring import Legs
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import (
    Capability,
    Check,
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    LegNeeds,
    LegPort,
    PlatformConnection,
    PlatformError,
    PlatformEvent,
    Sink,
)
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

SECONDS_TO_FINISH = 1.0
HANDLE = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""With what is appended (`wire`) it fits into a channel's id, which has 149 letters at most."""


class AsteriskDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "asterisk"
    capabilities = frozenset(Capability)

    def __init__(self, settings: AsteriskSettings) -> None:
        self.leg = LegNeeds(offers=False)
        self._settings = settings
        self._sink: Sink | None = None
        self._ari: Ari | None = None
        self._listing = Listing(settings)
        self._legs = Legs(settings, self._listing, self._reachable, self._ended)
        self._agent = UserAgent(account_of(settings), self._called, settings.request_timeout)
        self._waiting: dict[str, LegPort] = {}
        """Legs that the server is about to call."""
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs = Jobs()
        self._faults: dict[str, str | None] = {"ari": "", "sip": ""}
        """What is wrong with each connection; None: nothing, empty: not known yet."""
        self._told: PlatformConnection | None = None
        self._server = ""
        """Which life of the server this is."""

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect; returns at once."""
        self._sink = sink
        self._legs.keep(kept)
        self._tasks = [
            deadly_task(self._stay_connected(), "ARI"),
            deadly_task(self._stay_registered(), "SIP"),
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
        return await run_checks(self._settings, self._agent.registered.is_set())

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently. The server calls the leg, so that it offers and the box answers."""
        self._reachable()
        if not HANDLE.fullmatch(handle):
            raise PlatformError("The session's name cannot be used on Asterisk; try again.")
        interaction = self._listing.shown.get(interaction_id)
        if interaction is None:
            raise PlatformError(
                "There is no such call any more; choose another.", code=EndReason.CALL_ENDED
            )
        if (reason := interaction.not_monitorable_reason) is not None:
            raise PlatformError("This call may not be monitored.", code=reason)
        await self._registered()
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

    # -- the two connections

    async def _stay_connected(self) -> None:
        pause = self._settings.retry_first
        while True:
            try:
                await self._live_through_one()
                pause = self._settings.retry_first
            except PlatformError as error:
                self._fault("ari", error.detail)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._settings.retry_longest)

    async def _live_through_one(self) -> None:
        """From connecting to the loss. Raises `PlatformError` when it did not get that far."""
        context = await tls_context(self._settings)
        ari = Ari(self._settings, f"bargebox-{self._settings.endpoint}", context)
        try:
            await ari.open()
            # Events wait in the socket meanwhile, so that none is lost.
            await self._read_anew(ari)
            await ari.read(self._heard)
            self._fault("ari", "The connection to Asterisk was lost; it is being made again.")
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
        self._fault("ari", None)

    async def _stay_registered(self) -> None:
        pause = self._settings.retry_first
        while True:
            try:
                context = await tls_context(self._settings)
                await self._agent.run(context, lambda: self._fault("sip", None))
            except (SipError, PlatformError) as error:
                if self._faults["sip"] is None:
                    pause = self._settings.retry_first
                self._fault("sip", error.detail)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._settings.retry_longest)

    def _fault(self, which: str, detail: str | None) -> None:
        """Say once what is wrong, not at each attempt; and the list anew when all is well."""
        self._faults[which] = detail
        fault = next((one for one in self._faults.values() if one), None)
        if fault is not None:
            told = PlatformConnection(connected=False, detail=fault)
        elif all(one is None for one in self._faults.values()):
            told = PlatformConnection(connected=True)
        else:
            return
        if told != self._told or (which == "ari" and detail is None):
            if told != self._told and fault is not None:
                log.warning("%s", fault)
            self._told = told
            self._tell(told)
            if told.connected:
                self._tell(InteractionsSnapshot(tuple(self._listing.shown.values())))

    def _reachable(self) -> Ari:
        if self._ari is None:
            raise PlatformError(
                "Asterisk cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._ari

    async def _registered(self) -> None:
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                await self._agent.registered.wait()
        except TimeoutError as error:
            raise PlatformError(
                self._faults["sip"] or "The box's endpoint is not registered at Asterisk.",
                code=EndReason.PLATFORM_LOST,
            ) from error

    # -- what the server tells

    def _heard(self, event: wire.Event) -> None:
        for interaction in self._listing.apply(event):
            self._changed(interaction)
        self._legs.heard(event)

    def _changed(self, interaction: Interaction) -> None:
        if self._told is not None and self._told.connected:
            self._tell(InteractionChanged(interaction))

    def _ended(self, handle: str, reason: EndReason) -> None:
        self._tell(LegEnded(handle, reason))

    def _tell(self, event: PlatformEvent) -> None:
        if self._sink is not None:
            self._sink(event)

    def _called(self, call: IncomingCall) -> None:
        self._jobs.spawn(self._answer(call), "SIP call")

    async def _answer(self, call: IncomingCall) -> None:
        """Only a call that we asked for is taken; it carries the handle as its caller."""
        leg = self._waiting.pop(call.caller, None)
        if leg is None and len(self._waiting) == 1:  # an endpoint may set a caller of its own
            leg = self._waiting.popitem()[1]
        try:
            if leg is None or not call.offer:
                await call.reject(486)
                return
            await call.answer(await leg.answer(call.offer))
        except SipError as error:
            log.warning("the leg is not connected: %s", error.detail)
