"""Stock aiortc: its track is read as it delivers, into a player that never throws away.

The player takes a block each 10 ms; where none has come yet it plays silence.
"""

from __future__ import annotations

import asyncio
import fractions
import os
from collections import deque
from pathlib import Path

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE, Samples
from appliance.webrtc import allow_loopback
from tests.bench.sound.receivers.base import BLOCK, Heard, Player, Talker, serve, what_it_says
from tests.support.track import blocks_of

SILENCE: Samples = np.zeros(BLOCK, np.int16)
MAX_BLOCKS = 1_000


class Talk(MediaStreamTrack):
    """20 ms of a talker each 20 ms, which aiortc encodes."""

    kind = "audio"

    def __init__(self, talker: Talker) -> None:
        super().__init__()
        self._talker = talker
        self._began: float | None = None
        self._said = 0

    async def recv(self) -> av.AudioFrame:
        now = asyncio.get_running_loop().time()
        self._began = self._began if self._began is not None else now
        await asyncio.sleep(self._began + self._said / SAMPLE_RATE - now)
        frame = av.AudioFrame.from_ndarray(
            self._talker.next()[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._said
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._said += FRAME
        return frame


class Connection:
    """One connection, and the player at its track."""

    def __init__(self, talk: Path | None) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        if talk is not None:
            self.peer.addTrack(Talk(Talker(talk, FRAME)))
        self._blocks: deque[Samples] = deque(maxlen=MAX_BLOCKS)
        self.player = Player(self._next)
        self._reading: asyncio.Task[None] | None = None
        self.peer.on("track", self._listen)

    def _next(self) -> Samples:
        return self._blocks.popleft() if self._blocks else SILENCE

    def _listen(self, track: MediaStreamTrack) -> None:
        self._reading = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        async for block in blocks_of(track):
            self._blocks.extend(block.reshape(-1, BLOCK))

    async def close(self) -> Heard:
        heard = self.player.stop()
        await self.peer.close()
        if self._reading is not None:
            await self._reading
        return heard


class Stock:
    """See `Receiver`."""

    def __init__(self, talk: Path | None) -> None:
        self._talk = talk
        self._open: dict[str, Connection] = {}

    async def start(self) -> int:
        allow_loopback(only=True)
        return os.getpid()

    async def open(self, name: str, offer: str) -> str:
        self._open[name] = connection = Connection(self._talk)
        await connection.peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.peer.setLocalDescription(await connection.peer.createAnswer())
        return connection.peer.localDescription.sdp

    async def concealed(self, name: str) -> float | None:
        return None

    async def close(self, name: str) -> Heard:
        return await self._open.pop(name).close()

    async def stop(self) -> None:
        for name in list(self._open):
            await self.close(name)


if __name__ == "__main__":
    serve(Stock(what_it_says()))
