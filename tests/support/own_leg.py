"""The box's own leg as a driver connects it: its gate, uplink, peer and jitter buffer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import numpy as np

from appliance.control_link.words import Audience, Party
from appliance.leg.codecs.opus import Samples
from appliance.leg.gate import MicrophoneGate
from appliance.leg.peer import Peer
from appliance.leg.receive.jitter import BLOCK
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.track import UplinkTrack
from appliance.leg.uplink.uplink import Uplink
from appliance.platforms.protocol import LegNeeds
from appliance.platforms.sandbox.centre.sound import FLOOR, tone, tone_level
from appliance.service.tasks import deadly_task, stop_tasks

LIMIT_S = 15.0
KEPT = 50
"""Blocks of 10 ms."""


class OwnPort:
    """Implements `appliance.platforms.protocol.LegPort` by the box's own peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    async def offer(self) -> str:
        return await self.peer.offer()

    async def accept(self, answer: str) -> None:
        await self.peer.accept(answer)
        await self.peer.until_up(LIMIT_S)

    async def answer(self, offer: str) -> str:
        return await self.peer.answer(offer)

    async def place(self, parties: Mapping[str, Party]) -> None:
        """It has one ear: who sits where is not heard."""

    async def speak(self) -> str:
        raise AssertionError("this leg speaks where it listens")

    async def accept_speaking(self, answer: str) -> None:
        raise AssertionError("this leg speaks where it listens")

    async def close(self) -> None:
        """Leave."""
        await self.peer.close()


class OwnLeg(OwnPort):
    """The microphone hears a tone."""

    def __init__(self, needs: LegNeeds, hertz: float) -> None:
        assert not needs.speaks_apart
        self.gate = MicrophoneGate(lambda gate: None, self._capture, lambda: None)
        self._uplink = Uplink(self.gate, LegSettings())
        self.track = UplinkTrack(self.gate, self._uplink)
        super().__init__(Peer(self.track, needs.direction, [], lambda: None))
        self._hertz = hertz
        self._capturing = False
        self._heard: deque[Samples] = deque(maxlen=KEPT)
        self._headset = deadly_task(self._run(), "headset")
        self.gate.arm("s")

    def _capture(self, on: bool) -> None:
        self._capturing = on
        if not on:
            self._uplink.flush()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number * 0.01 - loop.time()))
            if self.peer.streams:
                self._heard.append(self.peer.streams[0].pop())
            if self._capturing:
                self._uplink.push(tone(self._hertz, -20.0, number * BLOCK, BLOCK), 0.0)

    def unmute(self) -> None:
        """A press, and consent."""
        self.gate.consent(self.gate.prepare("button"), Audience.EVERYONE)

    def mute(self) -> None:
        """Another press."""
        self.gate.close("button")

    def level(self, hertz: float) -> float:
        """dBFS of one frequency over the last half second."""
        heard = list(self._heard)
        return tone_level(np.concatenate(heard), hertz) if heard else FLOOR

    async def close(self) -> None:
        """Leave."""
        await stop_tasks(self._headset)
        await super().close()
