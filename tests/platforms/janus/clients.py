"""People and call control at the site: ordinary Janus clients, and its administrator."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from appliance.platforms.janus import wire
from appliance.platforms.janus.link import Link
from appliance.platforms.janus.session import Session
from appliance.platforms.protocol import LegNeeds
from tests.platforms.janus.server import ADMIN_PORT, ADMIN_SECRET, HOST, PIN, JanusProcess
from tests.support.leg_end import LegEnd
from tests.support.peer import ToneTrack

OWN_TRANSPORT = ("webrtcup", "media", "slowlink", "keepalive")
"""What Janus tells a client of its own packets; the machine's load decides on some of it."""

KEEP_S = 5.0
"""Janus forgets a session that is silent for its ``session_timeout``, here 20 s."""

EAR = LegNeeds(direction="recvonly", offers=False, speaks_apart=True)


class Client:
    """A connection with a session, and everything that it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.session: Session
        self._link: Link
        self._reading: asyncio.Task[None]
        self._keeping: asyncio.Task[None]

    async def open(self) -> None:
        self._link = await Link.open(JanusProcess.settings())
        self._reading = asyncio.create_task(self._link.read(self._hear))
        self.session = await Session.create(self._link)
        self._keeping = asyncio.create_task(self._keep())

    async def ask(self, handle_id: int, jsep: wire.Jsep | None = None, **body: Any) -> Any:
        """What the plugin answers."""
        data, description = await self.session.message(handle_id, body, jsep)
        return data if description is None else description.sdp

    async def close(self) -> None:
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        await self._link.close()
        await self._reading

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_S)
            await self.session.keep()

    def _hear(self, event: wire.Message) -> None:
        if event.janus not in OWN_TRANSPORT:
            data = event.plugindata.data if event.plugindata else {}
            self.told.append(f"{event.janus} {json.dumps(data, sort_keys=True)}")


class Person(Client):
    """Agent or customer: publishes, subscribes to others, and hears AudioBridge rooms."""

    def __init__(self, feed: str) -> None:
        super().__init__()
        self.feed = feed
        self.mouth = ToneTrack()
        self.ears: list[LegEnd] = []
        self._publishing = 0
        self._sending = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def publish(self, room: str) -> None:
        """Speak in the call's room."""
        self._publishing = await self.session.attach(wire.VIDEOROOM, "person")
        await self.ask(
            self._publishing, request="join", ptype="publisher", room=room, id=self.feed, pin=PIN
        )
        self._sending.addTransceiver(self.mouth, direction="sendonly")
        await self._sending.setLocalDescription()
        offer = wire.Jsep(type="offer", sdp=self._sending.localDescription.sdp)
        answer = await self.ask(self._publishing, offer, request="publish")
        await self._sending.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(10):
            while self._sending.connectionState != "connected":
                await asyncio.sleep(0.01)

    async def publish_again(self, room: str) -> None:
        """As after a lost network: the feed goes, and comes back under its name."""
        await self.session.detach(self._publishing)
        await self._sending.close()
        self._sending = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.mouth = ToneTrack()
        await self.publish(room)

    async def hear(self, room: str, feed: str) -> None:
        """Subscribe to another."""
        handle_id = await self.session.attach(wire.VIDEOROOM, "person")
        streams = [{"feed": feed}]
        offer = await self.ask(
            handle_id, request="join", ptype="subscriber", room=room, pin=PIN, streams=streams
        )
        ear = LegEnd(EAR)
        answer = wire.Jsep(type="answer", sdp=await ear.answer(offer))
        await self.ask(handle_id, answer, request="start")
        self.ears.append(ear)

    async def hear_bridge(self, room: str, pin: str) -> None:
        """Hear whoever speaks in an AudioBridge room, and say nothing there."""
        handle_id = await self.session.attach(wire.AUDIOBRIDGE, "person")
        await self.ask(handle_id, request="join", room=room, id=self.feed, pin=pin, muted=True)
        ear = LegEnd(EAR)
        offer = wire.Jsep(type="offer", sdp=await ear.offer())
        await ear.accept(await self.ask(handle_id, offer, request="configure", muted=True))
        self.ears.append(ear)

    @property
    def connected(self) -> bool:
        """Whether it can still be heard, and hears."""
        ways = [self._sending, *(ear.main for ear in self.ears[:1])]
        return all(way.connectionState == "connected" for way in ways)

    async def leave(self) -> None:
        """Go: Janus loses the whole session."""
        await self.session.destroy()
        await self.close()

    async def close(self) -> None:
        await asyncio.gather(self._sending.close(), *(ear.close() for ear in self.ears))
        await super().close()


async def administer(janus: str, **fields: Any) -> dict[str, Any]:
    """One request to Janus's Admin API."""
    async with connect(
        f"ws://{HOST}:{ADMIN_PORT}", subprotocols=[Subprotocol("janus-admin-protocol")], proxy=None
    ) as socket:
        request = {"janus": janus, "transaction": "t", "admin_secret": ADMIN_SECRET, **fields}
        await socket.send(json.dumps(request))
        reply: dict[str, Any] = json.loads(await socket.recv())
        return reply


async def handles_of_ours() -> list[dict[str, Any]]:
    """Every handle of a leg: the Admin API's description of it, its session's id included."""
    found = []
    for session_id in (await administer("list_sessions"))["sessions"]:
        listed = await administer("list_handles", session_id=session_id)
        for handle_id in listed.get("handles", []):
            told = await administer("handle_info", session_id=session_id, handle_id=handle_id)
            info = told.get("info", {})
            if str(info.get("opaque_id", "")).startswith("bargebox-"):
                found.append({**info, "session_id": session_id, "handle_id": handle_id})
    return found
