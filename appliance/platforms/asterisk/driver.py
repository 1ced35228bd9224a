"""The driver of Asterisk by way of ARI. It touches no media: SDP passes through as text."""

from __future__ import annotations

import logging
from contextlib import suppress

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari
from appliance.platforms.asterisk.mode import Mode
from appliance.platforms.asterisk.monitoring import Legs
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import LegNeeds, LegPort, PlatformError
from appliance.platforms.sip.dialog import BUSY, NOT_ACCEPTABLE, IncomingCall
from appliance.platforms.sip.errors import SipError
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

OUR_CALLS = "bargebox-"
"""How handles begin."""


class AsteriskDriver(Mode[Ari]):
    """The server calls the leg, so that it offers and the box answers."""

    _legs: Legs

    def __init__(self, settings: AsteriskSettings) -> None:
        super().__init__(settings)
        self.leg = LegNeeds(offers=False)
        self._legs = Legs(settings, self._listing, self._reachable, self._standing.ended)
        self._waiting: dict[str, LegPort] = {}
        """Legs that the server is about to call."""

    async def _join(self, handle: str, interaction_id: str, leg: LegPort) -> None:
        self._waiting[handle] = leg
        try:
            await self._legs.join(handle, interaction_id, f"PJSIP/{self._settings.endpoint}")
        finally:
            self._waiting.pop(handle, None)

    # -- the connection

    async def _live_through_one(self) -> None:
        context = await tls_context(self._settings)
        ari = Ari(self._settings, f"bargebox-{self._settings.endpoint}", context)
        try:
            await ari.open()
            # Events wait in the socket meanwhile, so that none is lost.
            await self._read_anew(ari)
            await ari.read(self._heard)
            raise PlatformError("The connection to Asterisk was lost; it is being made again.")
        finally:
            self._connection = None
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
        self._listing.replace_all(channels, bridges)
        self._met(ari, started)
        self._legs.read_anew(channels, bridges)
        self._standing.stands("list")

    # -- what the server tells

    def _heard(self, event: wire.Event) -> None:
        self._standing.changed(self._listing.apply(event))
        self._legs.heard(event)

    def _called(self, call: IncomingCall) -> None:
        self._jobs.spawn(self._answer(call), "SIP call")

    async def _answer(self, call: IncomingCall) -> None:
        """Only a call that we asked for is taken; it carries the handle as its caller."""
        leg = self._waiting.pop(call.caller, None)
        ours = call.caller.startswith(OUR_CALLS)
        if leg is None and not ours and len(self._waiting) == 1:
            # An endpoint may set a caller of its own; a call of a join before this one has ours.
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
