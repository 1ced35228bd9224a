"""A stream that keeps what a track sends, in place of one that encrypts it and has a socket."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from appliance.leg.uplink.audio_level import AudioLevel
from appliance.leg.uplink.rtp_stream import RtpStream
from appliance.leg.uplink.track import UplinkTrack
from tests.support.microphone import Microphone
from tests.support.waiting import eventually


class Sent(NamedTuple):
    """A packet: payload, RTP time, audio level; when (monotonic, s), and in which thread."""

    payload: bytes
    timestamp: int
    level: AudioLevel
    at: float
    thread: int


class Notebook:
    """What a track of *box* sends, while `sending`; *sends(payload)* is called in the middle of
    each.
    """

    def __init__(
        self, box: Microphone, sends: Callable[[bytes], None] = lambda payload: None
    ) -> None:
        self.packets: list[Sent] = []
        self.up = self.anywhere = True
        self.track = UplinkTrack(box.gate, box.uplink)
        self._sends = sends

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """As `take_over` has it run, from the first packet on, if there is any."""
        task = asyncio.create_task(self._run())
        try:
            await eventually(lambda: bool(self.packets) or self.track.readyState == "ended")
            yield
        finally:
            self.track.stop()
            async with asyncio.timeout(5):
                await task

    async def _run(self) -> None:
        try:
            await self.track.send_over(cast(RtpStream, self))
        finally:
            self.track.stop()

    def refresh(self) -> bool:
        return self.up

    def send(self, payload: bytes, timestamp: int, level: AudioLevel) -> None:
        self._sends(payload)
        sent = Sent(payload, timestamp, level, time.monotonic(), threading.get_ident())
        self.packets.append(sent)

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for packet in self.packets]
