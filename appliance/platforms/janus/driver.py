"""The driver of a site with Janus. It touches no media: SDP passes through as text."""

from __future__ import annotations

import asyncio
import logging

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.janus import checking, names
from appliance.platforms.janus.connection import Connection
from appliance.platforms.janus.leg import JanusLeg
from appliance.platforms.janus.rooms import Call
from appliance.platforms.janus.session import Session
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.protocol import (
    Capability,
    Check,
    LegNeeds,
    LegPort,
    PlatformError,
    Sink,
)
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)


class JanusDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "janus"

    def __init__(self, settings: JanusSettings) -> None:
        self.leg = LegNeeds(direction="recvonly", offers=False, speaks_apart=True)
        self.capabilities = _capabilities(settings)
        self._settings = settings
        self._connection = Connection(settings)
        self._task: asyncio.Task[None] | None = None

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect; returns at once."""
        self._connection.teller.sink = sink
        self._task = deadly_task(self._connection.stay(), "janus platform")

    async def stop(self) -> None:
        """Disconnect."""
        await stop_tasks(self._task)
        self._task = None
        await self._connection.legs.stop()

    async def check(self) -> list[Check]:
        """Address, TLS, sign-in, list and plugins, over a connection of its own."""
        return await checking.check(self._settings)

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently as a subscriber, whom Janus tells nobody of."""
        connection = self._connection
        link, directory = connection.link(), connection.directory()
        await connection.look(directory)
        call = self._permitted(interaction_id)
        here = await directory.publishers(interaction_id)
        if not here:
            raise _over()
        joined = False
        try:
            session = await Session.create(link, names.session_id(handle))
            ours = JanusLeg(self._settings, session, handle, call, leg)
            connection.legs.add(ours)
            await directory.make_own_room(handle, await ours.ear.join(here, leg))
            await ours.place()
            await ours.ear.start()
            joined = True
        finally:
            if not joined:
                connection.abandon(handle)
        connection.legs.begin(ours, speaking=self._settings.speaking)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the AudioBridge has moved the leg's voice to that audience."""
        leg = self._connection.legs.get(handle)
        if audience is None:
            if leg is not None:
                await leg.voice.set_audience(None)
            return
        wanted = Capability.COACH if audience is Audience.AGENT else Capability.BARGE
        if wanted not in self.capabilities:
            raise PlatformError(
                "This site has no AudioBridge room for that; its settings say so.",
                code=EndReason.NOT_PERMITTED,
            )
        if leg is None:
            raise PlatformError("The leg is not in this call any more.")
        await leg.voice.open(leg.port)
        await leg.voice.set_audience(audience)

    async def leave(self, handle: str) -> None:
        """End our own leg, whichever life made it; if Janus cannot be reached, as soon as it can.

        Its session goes as a whole, and then its own room.
        """
        self._connection.abandon(handle)
        await self._connection.remove(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take a leg of a former life up. It listens on; its voice is made anew, and muted.

        A `PlatformError` leaves it as it is, to be tried again.
        """
        ours = await self._former(handle, leg)
        if ours is None:
            self._connection.abandon(handle)
            return False
        self._connection.legs.add(ours)
        self._connection.legs.begin(ours, speaking=self._settings.speaking)
        return True

    async def _former(self, handle: str, leg: LegPort) -> JanusLeg | None:
        """The leg as Janus still has it, silenced."""
        connection = self._connection
        link, directory = connection.link(), connection.directory()
        session = Session(link, names.session_id(handle))
        note = await directory.note_of(handle) if await session.claim(link) else None
        if note is None:
            return None
        await connection.look(directory)
        call = connection.book.calls.get(note.call)
        if call is None or not await self._silenced(handle, call):
            return None
        here = await directory.publishers(note.call)
        ours = JanusLeg(self._settings, session, handle, call, leg)
        return ours if here and await ours.ear.take_up(note, here) else None

    async def _silenced(self, handle: str, call: Call) -> bool:
        """Take the former life's voice out of every room; false when that is not in our power."""
        if not self._settings.speaking:
            return True
        directory = self._connection.directory()
        secret = self._settings.bridge_secret.get_secret_value()
        room = call.interaction.id
        for bridge in {room, room + self._settings.coach_suffix}:
            if await directory.is_in(handle, bridge):
                if not secret:
                    log.warning("leg %s is left: without bridge_secret it stays audible", handle)
                    return False
                await directory.throw_out(handle, bridge, secret)
        await directory.throw_out(handle, names.own_room(handle), names.own_secret(handle))
        return True

    def _permitted(self, interaction_id: str) -> Call:
        call = self._connection.book.calls.get(interaction_id)
        if call is None:
            raise _over()
        reason = call.interaction.not_monitorable_reason
        if reason is not None:
            raise PlatformError("This call's room says that it may not be monitored.", code=reason)
        return call


def _over() -> PlatformError:
    return PlatformError("This call is not there any more.", code=EndReason.CALL_ENDED)


def _capabilities(settings: JanusSettings) -> frozenset[Capability]:
    able = {*Capability}
    if not settings.speaking:
        able -= {Capability.BARGE, Capability.COACH}
    if not settings.coach_suffix:
        able.discard(Capability.COACH)
    return frozenset(able)
