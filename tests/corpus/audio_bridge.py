"""A capture of Janus's AudioBridge, which mixes and encodes by itself; the leg is in its room."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from appliance.control_link.words import Audience
from appliance.platforms.janus import wire
from appliance.platforms.protocol import LegNeeds
from tests.corpus.recording import Line, RecordingLeg
from tests.corpus.senders import sender_of
from tests.platforms.desk import desk_at
from tests.platforms.janus.clients import Client
from tests.platforms.janus.server import PIN
from tests.platforms.janus.site import janus_site
from tests.platforms.measured import SUPERVISOR_HZ


class Listener(Client):
    """Somebody in the room who is never heard there."""

    async def listen(self, room: str, leg: RecordingLeg) -> None:
        """Returns when *leg* is connected."""
        handle_id = await self.session.attach(wire.AUDIOBRIDGE, "person")
        await self.ask(handle_id, request="join", room=room, id="listener", pin=PIN, muted=True)
        offer = wire.Jsep(type="offer", sdp=await leg.offer())
        await leg.accept(await self.ask(handle_id, offer, request="configure", muted=True))


async def record() -> tuple[str, list[Line]]:
    """Somebody speaks in the room, leaves it, comes back, and the room is destroyed."""
    with tempfile.TemporaryDirectory() as directory:
        async with janus_site(Path(directory)) as site, desk_at(site) as desk:
            call = await site.call()
            handle, supervisor = await desk.join(call.id)
            supervisor.track.hz = SUPERVISOR_HZ
            listener, leg = Listener(), RecordingLeg(LegNeeds(direction="recvonly"))
            await listener.open()
            try:
                await listener.listen(call.id, leg)
                for audience in (Audience.EVERYONE, None, Audience.EVERYONE):
                    await desk.driver.set_audience(handle, audience)
                    await asyncio.sleep(1.5)
                await site.control.destroy_bridges(call.id)
                await asyncio.sleep(0.3)
                await site.control.make_bridges(call.id)
            finally:
                await leg.close()
                await listener.close()
            sender = (await sender_of(site)).replace("VideoRoom", "AudioBridge")
    return sender, [leg.peer.lines[0]]
