"""The driver of an Asterisk without ARI: AMI tells of the calls, ChanSpy listens to them."""

from __future__ import annotations

from contextlib import suppress

from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.ami_text import AmiMessage
from appliance.platforms.asterisk.ami_wire import Translator
from appliance.platforms.asterisk.mode import Mode
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying import SpyingLegs
from appliance.platforms.asterisk.trust import tls_context
from appliance.platforms.protocol import LegNeeds, LegPort
from appliance.platforms.sip.dialog import BUSY, IncomingCall
from appliance.platforms.sip.errors import SipError


class SpyingDriver(Mode[Ami]):
    """The box calls the server and has that call spy."""

    _legs: SpyingLegs

    def __init__(self, settings: AsteriskSettings) -> None:
        super().__init__(settings)
        self.leg = LegNeeds(offers=True)
        self._translator = Translator(settings.spy_context)
        self._legs = SpyingLegs(
            settings,
            self._listing,
            self._reachable,
            self._registration.agent,
            self._standing.ended,
        )

    async def _join(self, handle: str, interaction_id: str, leg: LegPort) -> None:
        await self._legs.join(handle, interaction_id, leg)

    async def _live_through_one(self) -> None:
        ami = Ami(self._settings, await tls_context(self._settings))
        try:
            await ami.open()
            # Events are kept meanwhile, so that none is lost.
            await self._read_anew(ami)
            await ami.read(self._heard)
        finally:
            self._connection = None
            await ami.close()

    async def _read_anew(self, ami: Ami) -> None:
        status = await ami.ask("CoreStatus")
        started = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        channels, bridges = self._translator.listed(await ami.listed("CoreShowChannels"))
        if variable := self._settings.monitoring_variable:
            answer = await ami.ask("Getvar", Variable=variable)
            self._listing.global_monitoring = answer.get("Value")
        self._listing.replace_all(channels, bridges)
        self._met(ami, started)
        self._legs.read_anew(channels)
        self._standing.stands("list")

    def _heard(self, message: AmiMessage) -> None:
        event = self._translator.event(message)
        if event is not None:
            self._standing.changed(self._listing.apply(event))
            self._legs.heard(event)

    def _called(self, call: IncomingCall) -> None:
        """Nobody calls a box."""

        async def reject() -> None:
            with suppress(SipError):  # the connection went in that moment
                await call.reject(BUSY)

        self._jobs.spawn(reject(), "SIP call")
