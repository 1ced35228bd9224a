"""One WebRTC connection of the forwarder: it sends given RTP packets and nothing else."""

from __future__ import annotations

import asyncio
import re
import struct

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtp import RtpPacket

from appliance.leg.sdp import offer_error_correction
from appliance.webrtc import tap_receiver

CONNECT_S = 15.0
CLOSE_S = 5.0
SILENT_BELOW = 70
"""−dBov: what is softer is a pause."""
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"


class Line:
    """aiortc makes the connection; its sender stays idle, and `send` goes over its transport."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._payload_type = self._mid_id = 0
        self.spoken = 0
        """Packets with sound in them that came from the other side, as their audio level says
        (RFC 6464).
        """

    async def offer(self, *, listens: bool = False) -> str:
        """One Opus line with error correction; no SSRC is told, as it may change in mid-call."""
        direction = "sendrecv" if listens else "sendonly"
        transceiver = self._connection.addTransceiver("audio", direction=direction)
        tap_receiver(transceiver.receiver, self._count)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType == "audio/opus"])
        _be_quiet(transceiver.sender)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp = offer_error_correction(self._connection.localDescription.sdp)
        self._payload_type = _number(r"a=rtpmap:(\d+) opus/48000/2", sdp)
        self._mid_id = _number(rf"a=extmap:(\d+) {MID}", sdp)
        return re.sub(r"a=ssrc(-group)?:.*\r\n", "", sdp)

    def _count(self, packet: RtpPacket) -> None:
        level = packet.extensions.audio_level
        self.spoken += level is not None and level[1] < SILENT_BELOW

    async def accept(self, answer: str) -> None:
        """Returns once connected. Raises TimeoutError where that takes longer than 15 s."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(CONNECT_S):
            while self._connection.connectionState != "connected":
                await asyncio.sleep(0.01)

    def packet(
        self, ssrc: int, number: int, timestamp: int, payload: bytes, *, first: bool
    ) -> bytes:
        """An RTP packet (RFC 3550) with the line's mid (RFC 8285); *first* of a talk: marked."""
        header = struct.pack(
            "!BBHLLHHBcH",
            0x90,
            first << 7 | self._payload_type,
            number & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
            0xBEDE,
            1,
            self._mid_id << 4,
            b"0",
            0,
        )
        return header + payload

    async def send(self, packet: bytes) -> None:
        """Encrypt *packet* and send it now."""
        await self._connection.getSenders()[0].transport._send_rtp(packet)

    async def close(self) -> None:
        """Never takes longer than 5 s."""
        async with asyncio.timeout(CLOSE_S):
            await self._connection.close()


def _be_quiet(sender: RTCRtpSender) -> None:
    """No reports of a stream that aiortc does not send: they would tell wrong times."""

    async def nothing(packets: object) -> None:
        del packets

    if not hasattr(sender, "_send_rtcp"):
        raise RuntimeError("aiortc has changed: its sender sends no reports by that name")
    vars(sender)["_send_rtcp"] = nothing


def _number(pattern: str, sdp: str) -> int:
    found = re.search(pattern, sdp)
    if found is None:
        raise RuntimeError(f"aiortc has changed: its offer has no {pattern}")
    return int(found[1])
