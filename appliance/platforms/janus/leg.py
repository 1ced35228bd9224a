"""One leg: a Janus session that listens as an unseen subscriber and may have a voice."""

from __future__ import annotations

import logging

from appliance.control_link.client import LegError, LegUnreachableError
from appliance.control_link.words import EndReason, Party
from appliance.platforms.janus import wire
from appliance.platforms.janus.ear import Ear
from appliance.platforms.janus.rooms import Call
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.janus.voice import Voice
from appliance.platforms.janus.watch import Watch
from appliance.platforms.protocol import LegPort

log = logging.getLogger(__name__)

HUNG_UP = {
    "Detach": EndReason.REMOVED,  # now and then it comes before "detached"
    "Admin API": EndReason.REMOVED,
    "Close PC": EndReason.CALL_ENDED,  # the plugin has nothing more to send
}
"""What a ``hangup`` event's reason means; anything else is ICE or DTLS."""


class JanusLeg:
    """What there is of one leg, and what Janus tells of it."""

    def __init__(
        self, settings: JanusSettings, session: Session, handle: str, call: Call, port: LegPort
    ) -> None:
        self.handle = handle
        self.port = port
        self.session = session
        self.room = call.interaction.id
        self._customer = call.customer_feed
        self._placed: dict[str, Party] = {}
        self.watch = Watch(call.customer_feed)
        self.ear = Ear(settings, session, handle, self.room)
        self.voice = Voice(settings, session, handle, self.room)

    async def place(self) -> None:
        """Tell the leg who is on which line, where that has changed. It is no reason to end a call
        when it cannot be told: the next look at the room tries again.
        """
        parties = {
            mid: Party.CUSTOMER if feed == self._customer else Party.AGENT
            for mid, feed in self.ear.lines.items()
            if feed
        }
        if parties == self._placed:
            return
        try:
            await self.port.place(parties)
        except (LegError, LegUnreachableError) as error:
            log.info("the parties of %s are not told apart: %s", self.handle, error.detail)
        else:
            self._placed = parties

    def heard(self, event: wire.Message) -> EndReason | None:
        """Why the leg has ended by what Janus tells of its session, if it has."""
        if event.janus == "timeout":
            return EndReason.PLATFORM_LOST
        if event.sender is not None and event.sender == self.voice.handle_id:
            return self.voice.told(event)
        if event.sender is None or event.sender != self.ear.handle_id:
            return None  # a handle that we gave up ourselves
        if event.janus == "detached":
            return EndReason.REMOVED
        if event.janus == "hangup":
            log.info("Janus hung the leg up: %.200r", event.reason)
            return HUNG_UP.get(event.reason, EndReason.MEDIA_LOST)
        return None
