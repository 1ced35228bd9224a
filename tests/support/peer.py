"""A supervisor's media end in a few lines: stock aiortc, a tone or silence up, an ear down."""

from __future__ import annotations

import asyncio
import fractions
import time
from typing import Any

import numpy as np
import opuslib_next
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import Packet

from appliance.platforms.sandbox.centre.sound import FRAME, RATE, Pcm, tone, tone_level
from appliance.webrtc import OPUS_SILENCE
from tests.support.track import blocks_of

TIME_BASE = fractions.Fraction(1, RATE)
SECONDS_TO_CONNECT = 15.0


class ToneTrack(MediaStreamTrack):
    """A tone while *hz* is set, the constant silence frame otherwise."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.hz: float | None = None
        self.dbfs = -20.0
        self._encoder: Any = opuslib_next.Encoder(RATE, 1, "voip")
        self._number = 0
        self._start = time.monotonic()

    async def recv(self) -> Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        self._number += 1
        due = self._start + self._number * FRAME / RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        payload = OPUS_SILENCE
        if self.hz is not None:
            sound = tone(self.hz, self.dbfs, self._number * FRAME)
            payload = self._encoder.encode(sound.tobytes(), FRAME)
        packet: Packet[Any] = Packet(payload)
        packet.pts = self._number * FRAME
        packet.time_base = TIME_BASE
        return packet


class Peer:
    """`offer`, then `accept` the answer; `level` tells what is heard."""

    def __init__(self, direction: str = "sendrecv") -> None:
        self.track = ToneTrack()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._direction = direction
        self._heard: list[Pcm] = []
        self._ear: asyncio.Task[None] | None = None
        self.connection.add_listener("track", self._listen)

    async def offer(self) -> str:
        """Our description, candidates included."""
        source = self.track if self._direction == "sendrecv" else "audio"
        self.connection.addTransceiver(source, direction=self._direction)
        await self.connection.setLocalDescription()
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Returns when connected."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            while self.connection.connectionState != "connected":
                await asyncio.sleep(0.01)

    def level(self, hz: float) -> float:
        """dBFS of one frequency over the last half second."""
        heard = self._heard[-25:]
        return tone_level(np.concatenate(heard), hz) if heard else -100.0

    @property
    def frames(self) -> int:
        """20 ms frames heard so far."""
        return len(self._heard)

    async def close(self) -> None:
        """Leave."""
        await self.connection.close()
        if self._ear is not None:
            self._ear.cancel()
            await asyncio.gather(self._ear, return_exceptions=True)

    def _listen(self, track: MediaStreamTrack) -> None:
        self._ear = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        async for block in blocks_of(track):
            self._heard.append(block)
