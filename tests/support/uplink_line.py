"""A leg's uplink over a real aiortc connection, and what comes out of it."""

from __future__ import annotations

import asyncio

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from appliance.control_link.words import Audience, Gate
from appliance.leg.codecs.opus import FRAME
from appliance.leg.peer import Peer
from appliance.leg.uplink.track import UplinkTrack
from appliance.webrtc import OPUS_SILENCE, tap_receiver
from tests.support.microphone import Microphone, tone
from tests.support.waiting import eventually

LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
BLOCK = FRAME // 2


class Line:
    """A leg's uplink, and a real aiortc peer that takes what it sends."""

    def __init__(self) -> None:
        self.box = Microphone()
        self.track = UplinkTrack(self.box.gate, self.box.uplink)
        self.peer = Peer(self.track, "sendonly", [], lambda: None)
        self.other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.taken: list[RtpPacket] = []

    async def connect(self, *, with_level: bool = True, lose_every: int = 0) -> None:
        offer = await self.peer.offer()
        if not with_level:
            kept = [line for line in offer.splitlines() if LEVEL_URI not in line]
            assert len(kept) < len(offer.splitlines())
            offer = "\r\n".join(kept) + "\r\n"
        await self.other.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        receiver = self.other.getReceivers()[0]
        tap_receiver(receiver, self.taken.append)
        if lose_every:
            account = receiver._handle_rtp_packet

            async def lose(packet: RtpPacket, arrival_time_ms: int) -> None:
                if packet.sequence_number % lose_every:
                    await account(packet, arrival_time_ms=arrival_time_ms)

            vars(receiver)["_handle_rtp_packet"] = lose
        await self.other.setLocalDescription()
        await self.peer.accept(self.other.localDescription.sdp)
        await eventually(lambda: len(self.taken) >= 5)

    async def speak(self, level: float, blocks: int = 40) -> list[RtpPacket]:
        """Open, and say a tone in real time; the packets that are not silence."""
        gate = self.box.gate
        if gate.state is Gate.CLOSED:
            gate.consent(gate.prepare("button"), Audience.EVERYONE)
        before = len(self.taken)
        for number in range(blocks):
            self.box.uplink.push(tone(500.0, BLOCK, number * BLOCK, level), 0.0)
            await asyncio.sleep(0.01)
        await eventually(lambda: len(self.spoken(before)) >= blocks // 4)
        return self.spoken(before)

    def spoken(self, since: int = 0) -> list[RtpPacket]:
        return [p for p in self.taken[since:] if p.payload != OPUS_SILENCE]

    async def close(self) -> None:
        await self.peer.close()
        await self.other.close()
