"""A platform that knows one codec only, in stock aiortc: it speaks a tone and keeps what comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame

from appliance.leg.codecs.base import Codec
from appliance.webrtc import tap_receiver
from tests.support.telephone import tone

LIMIT_S = 15.0
FRAME = 960


class FrameTrack(MediaStreamTrack):
    """A tone that stock aiortc encodes with whatever was agreed on."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._wave = tone(48_000, hertz)
        self._number = 0
        self._start = time.monotonic()

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        due = self._start + self._number * 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        at = self._number * FRAME % len(self._wave)
        frame = AudioFrame.from_ndarray(
            self._wave[np.newaxis, at : at + FRAME], format="s16", layout="mono"
        )
        frame.sample_rate = 48_000
        frame.pts = self._number * FRAME
        self._number += 1
        return frame


class OneCodecPeer:
    """Offers or answers with *codec* alone."""

    def __init__(self, codec: Codec, hertz: float = 500.0) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.taken: list[RtpPacket] = []
        transceiver = self.connection.addTransceiver(FrameTrack(hertz))
        transceiver.setCodecPreferences(
            [
                known
                for known in RTCRtpSender.getCapabilities("audio").codecs
                if known.mimeType.upper() == f"AUDIO/{codec.name}"
            ]
        )
        tap_receiver(transceiver.receiver, self.taken.append)

    def payloads(self, since: int = 0) -> set[bytes]:
        return {packet.payload for packet in self.taken[since:]}

    async def offer(self) -> str:
        await self.connection.setLocalDescription()
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription()
        return self.connection.localDescription.sdp

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for it, 15 s at most."""
        async with asyncio.timeout(LIMIT_S):
            while not done():
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.connection.close()
