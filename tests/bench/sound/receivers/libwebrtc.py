"""libwebrtc without a browser, by the package wrtc: its NetEq is pulled every 10 ms."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import webrtc

from appliance.leg.codecs.opus import SAMPLE_RATE
from tests.bench.sound.receivers.base import (
    BLOCK,
    BLOCK_S,
    Heard,
    Recording,
    Talker,
    serve,
    what_it_says,
)

S16 = webrtc.AudioDataCopyToOptions(plane_index=0, format="s16")
QUEUED = 100
GATHER_S = 5.0


@dataclass
class Connection:
    """One connection, and what reads its track."""

    peer: webrtc.RTCPeerConnection
    recording: Recording = field(default_factory=Recording)
    reading: asyncio.Task[None] | None = None
    talking: asyncio.Task[None] | None = None

    def listen(self, event: webrtc.RTCTrackEvent) -> None:
        self.reading = asyncio.ensure_future(self._read(event.track))

    async def _read(self, track: webrtc.MediaStreamTrack) -> None:
        init = webrtc.MediaStreamTrackProcessorInit(track, max_buffer_size=QUEUED)
        processor = webrtc.MediaStreamTrackProcessor(init)
        async for data in processor.readable:
            with data:
                assert isinstance(data, webrtc.AudioData)
                channels = data.number_of_channels
                block = bytearray(2 * data.number_of_frames * channels)
                data.copy_to(block, S16)
                self.recording.add(np.frombuffer(block, np.int16)[::channels])

    def talk(self, talker: Talker) -> None:
        """Say what *talker* gives; before the answer is made."""
        track = webrtc.MediaStreamTrackGenerator("audio")
        self.peer.add_track(track)
        self.talking = asyncio.ensure_future(_say(track, talker))


async def _say(track: webrtc.MediaStreamTrackGenerator, talker: Talker) -> None:
    writer, loop = track.writable.get_writer(), asyncio.get_running_loop()
    began, said = loop.time(), 0
    while True:
        await asyncio.sleep(began + said * BLOCK_S - loop.time())
        init = webrtc.AudioDataInit(
            format="s16",
            sample_rate=SAMPLE_RATE,
            number_of_frames=BLOCK,
            number_of_channels=1,
            timestamp=said * BLOCK * 1_000_000 // SAMPLE_RATE,
            data=talker.next().tobytes(),
        )
        await writer.write(webrtc.AudioData(init))
        said += 1


class LibWebRTC:
    """See `Receiver`."""

    def __init__(self, talk: Path | None) -> None:
        self._talk = talk
        self._open: dict[str, Connection] = {}

    async def start(self) -> int:
        webrtc.allow_loopback()
        return os.getpid()

    async def open(self, name: str, offer: str) -> str:
        peer = webrtc.RTCPeerConnection()
        self._open[name] = connection = Connection(peer)
        peer.on("track", connection.listen)
        await peer.set_remote_description(webrtc.RTCSessionDescriptionInit("offer", offer))
        if self._talk is not None:
            connection.talk(Talker(self._talk, BLOCK))
        await peer.set_local_description(await peer.create_answer())
        async with asyncio.timeout(GATHER_S):
            while peer.ice_gathering_state != "complete":
                await asyncio.sleep(0.005)
        assert peer.local_description is not None
        return str(peer.local_description.sdp)

    async def concealed(self, name: str) -> float | None:
        report = await self._open[name].peer.get_stats()
        for one in report.values():
            if isinstance(one, webrtc.RTCInboundRtpStreamStats):
                return (one.concealed_samples or 0) / SAMPLE_RATE
        return None

    async def close(self, name: str) -> Heard:
        connection = self._open.pop(name)
        connection.peer.close()
        for task in (connection.reading, connection.talking):
            if task is not None:
                task.cancel()
        return connection.recording.heard()

    async def stop(self) -> None:
        for name in list(self._open):
            await self.close(name)


if __name__ == "__main__":
    serve(LibWebRTC(what_it_says()))
