"""A box's leg as a driver sees it, in a few lines of stock aiortc: a mouth, an ear, both ways."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from appliance.control_link.words import Party
from appliance.platforms.protocol import LegNeeds
from appliance.platforms.sandbox.centre.sound import Pcm, tone_level
from tests.support.peer import ToneTrack
from tests.support.track import blocks_of

LIMIT_S = 15.0
KEPT = 500
"""Frames of 20 ms."""


class LegEnd:
    """Implements `appliance.platforms.protocol.LegPort`. Muted means the silence frame."""

    def __init__(self, needs: LegNeeds) -> None:
        self._needs = needs
        self.parties: dict[str, Party] = {}
        self.track = ToneTrack()
        self.main = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.speaking: RTCPeerConnection | None = None
        self._heard: defaultdict[int, list[Pcm]] = defaultdict(list)
        self._ears: set[asyncio.Task[None]] = set()
        self.main.add_listener("track", self._listen)

    @property
    def frames(self) -> int:
        """20 ms frames heard so far, of the line that brought most."""
        return max(map(len, self._heard.values()), default=0)

    def level(self, hz: float, seconds: float = 0.5) -> float:
        """dBFS of one frequency over the last seconds, in the loudest line."""
        wanted = round(seconds * 50)
        lines = [line[-wanted:] for line in self._heard.values() if line]
        return max((tone_level(np.concatenate(line), hz) for line in lines), default=-100.0)

    async def offer(self) -> str:
        self._add_line(self.main, speaks=not self._needs.speaks_apart)
        await self.main.setLocalDescription()
        return self.main.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.main.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await _up(self.main)

    async def answer(self, offer: str) -> str:
        self._add_line(self.main, speaks=not self._needs.speaks_apart)
        await self.main.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.main.setLocalDescription()
        return self.main.localDescription.sdp

    async def place(self, parties: Mapping[str, Party]) -> None:
        self.parties = dict(parties)

    async def speak(self) -> str:
        self.speaking = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.speaking.addTransceiver(self.track, direction="sendonly")
        await self.speaking.setLocalDescription()
        return self.speaking.localDescription.sdp

    async def accept_speaking(self, answer: str) -> None:
        assert self.speaking is not None
        await self.speaking.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await _up(self.speaking)

    async def vanish(self) -> None:
        """No packet gets in or out any more, and nobody is told: the cable is cut."""
        for connection in (self.main, self.speaking):
            for transceiver in connection.getTransceivers() if connection else ():
                path = transceiver.receiver.transport.transport._connection
                for pair in path._nominated.values():
                    vars(pair.protocol)["datagram_received"] = lambda data, addr: None
                    vars(pair.protocol)["send_data"] = _swallow
                    vars(pair.protocol)["send_stun"] = lambda message, addr: None

    async def close(self) -> None:
        """Leave, if the platform has not ended it."""
        await self.main.close()
        if self.speaking is not None:
            await self.speaking.close()
        for ear in self._ears:
            ear.cancel()
        await asyncio.gather(*self._ears, return_exceptions=True)

    def _add_line(self, connection: RTCPeerConnection, *, speaks: bool) -> None:
        speaks = speaks and self._needs.direction == "sendrecv"
        source: MediaStreamTrack | str = self.track if speaks else "audio"
        connection.addTransceiver(source, direction="sendrecv" if speaks else "recvonly")

    def _listen(self, track: MediaStreamTrack) -> None:
        self._ears.add(asyncio.create_task(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        line = self._heard[id(track)]
        async for block in blocks_of(track):
            line.append(block)
            del line[:-KEPT]


async def _swallow(data: bytes, addr: tuple[str, int]) -> None:
    return


async def _up(connection: RTCPeerConnection) -> None:
    async with asyncio.timeout(LIMIT_S):
        while connection.connectionState != "connected":
            await asyncio.sleep(0.01)
