"""The far end of the headset path, a process of its own: what it hears it sends straight back.

An offer on its input, in JSON, is answered on its output; it goes on until its input ends. Each
packet goes back as it came, still encoded, so that nothing here adds delay but the network's way.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import sys
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtp import RtpPacket
from av import Packet

from appliance.webrtc import allow_loopback, tap_receiver

CLOCK = fractions.Fraction(1, 48_000)
KEPT = 50
"""Packets that wait at most."""


class Echo(MediaStreamTrack):
    """Gives what `take` got, in its order and with its time-stamps' distances."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: asyncio.Queue[RtpPacket] = asyncio.Queue(KEPT)
        self._first: int | None = None

    def take(self, packet: RtpPacket) -> None:
        if not self._packets.full():
            self._packets.put_nowait(packet)

    async def recv(self) -> Packet[Any]:
        got = await self._packets.get()
        if self._first is None:
            self._first = got.timestamp
        packet: Packet[Any] = Packet(got.payload)
        packet.pts = (got.timestamp - self._first) & 0xFFFFFFFF
        packet.time_base = CLOCK
        return packet


async def run() -> None:
    """Answer, and echo until the input ends."""
    allow_loopback()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    echo = Echo()
    offer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    connection.addTransceiver(echo, direction="sendrecv")
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    tap_receiver(connection.getReceivers()[0], echo.take)
    await connection.setLocalDescription()
    print(json.dumps(connection.localDescription.sdp), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(run())
