"""Our own receive path: the leg's peer and its jitter buffer, popped by a playback thread."""

from __future__ import annotations

import gc
import os

from appliance.leg.codecs.opus import SAMPLE_RATE
from appliance.leg.peer import Peer
from appliance.leg.receive.jitter import JitterBuffer
from appliance.webrtc import allow_loopback
from tests.bench.sound.receivers.base import Heard, Player, serve


class Ours:
    """See `Receiver`."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Peer, JitterBuffer, Player]] = {}

    async def start(self) -> int:
        allow_loopback(only=True)
        gc.freeze()  # as the leg's process does
        return os.getpid()

    async def open(self, name: str, offer: str) -> str:
        peer = Peer(None, "recvonly", [], lambda: None)
        answer = await peer.answer(offer)
        stream = peer.streams[0]
        self._open[name] = (peer, stream, Player(stream.pop))
        return answer

    async def concealed(self, name: str) -> float | None:
        return self._open[name][1].stats.concealed / SAMPLE_RATE

    async def close(self, name: str) -> Heard:
        peer, _, player = self._open.pop(name)
        heard = player.stop()
        await peer.close()
        return heard

    async def stop(self) -> None:
        for name in list(self._open):
            await self.close(name)


if __name__ == "__main__":
    serve(Ours())
