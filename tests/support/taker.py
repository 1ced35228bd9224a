"""The platform's end of a leg, and what it was sent."""

from __future__ import annotations

import asyncio

from aiortc.rtp import RtpPacket

from appliance.webrtc import tap_receiver
from tests.support.peer import Peer as OtherEnd


class Platform(OtherEnd):
    """Stock aiortc that keeps the payloads it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []

    async def offer(self) -> str:
        offer = await super().offer()
        tap_receiver(self.connection.getReceivers()[0], self._took)
        return offer

    def _took(self, packet: RtpPacket) -> None:
        self.taken.append(packet.payload)

    async def some(self, count: int = 10) -> set[bytes]:
        """The payloads from now on until *count* have come."""
        before = len(self.taken)
        async with asyncio.timeout(10):
            while len(self.taken) < before + count:
                await asyncio.sleep(0.01)
        return set(self.taken[before:])
