"""The floor at a platform: its driver and a leg of stock aiortc, without box or sound card."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from typing import Self

import numpy as np
from aiortc import MediaStreamTrack

from appliance.control_link.words import Audience
from appliance.platforms.protocol import LegNeeds
from tests.platforms.desk import Desk
from tests.support.leg_end import LegEnd
from tests.support.track import blocks_of

LOUD = 300
"""Of 32768: the same one per cent at which the box's ear counts as hearing."""
RATE = 48_000
_numbers = itertools.count(1)


class TimedLeg(LegEnd):
    """Notes when each loud sample was there to be played."""

    def __init__(self, needs: LegNeeds) -> None:
        super().__init__(needs)
        self._loud: deque[float] = deque(maxlen=10_000)

    async def _hear(self, track: MediaStreamTrack) -> None:
        async for block in blocks_of(track):
            heard = np.flatnonzero(np.abs(block.astype(np.int32)) > LOUD)
            if len(heard):
                self._loud.append(time.monotonic() + heard[0] / RATE)

    async def first_after(self, moment: float, limit: float) -> float | None:
        """When it was first loud after *moment*; None within *limit* s."""
        while time.monotonic() < moment + limit:
            for at in list(self._loud):
                if at >= moment:
                    return at
            await asyncio.sleep(0.005)
        return None


class BareClient:
    """One leg on a call; left at the end of the ``async with``."""

    def __init__(self, desk: Desk, call: str, tone_hz: float | None = None) -> None:
        self.leg = TimedLeg(desk.driver.leg)
        self.leg.track.hz = tone_hz
        self.handle = f"bargebox-bare-{next(_numbers)}"
        self.asked_at = 0.0
        self._desk, self._call = desk, call

    async def __aenter__(self) -> Self:
        self.asked_at = time.monotonic()
        await self._desk.driver.monitor(self.handle, self._call, "bare", self.leg)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._desk.driver.leave(self.handle)
        await self.leg.close()

    async def barge(self) -> float:
        """Be heard by both; the moment at which it was asked for."""
        asked_at = time.monotonic()
        await self._desk.driver.set_audience(self.handle, Audience.EVERYONE)
        return asked_at

    async def mute(self) -> None:
        """Be heard by nobody."""
        await self._desk.driver.set_audience(self.handle, None)
