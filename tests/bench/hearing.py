"""What reaches the headset, and when: at the virtual card's ear, from outside."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import numpy as np
from numpy.typing import NDArray

from appliance.demo.card_ends import EarTap
from appliance.demo.world import World
from tests.bench.figures import Figure
from tests.bench.tapping import Tapping
from tests.support.demo_world import Person, monitored, open_centre

RATE = 48_000
TONE_HZ = 3_000.0
"""Apart from every earcon, so that the join tone is not taken for the call."""
WINDOW = 240
"""Samples of one look (5 ms)."""
LOUD = 0.01
"""Amplitude (of full scale) at which the call counts as heard."""


class Watcher(Tapping):
    """Listens to the ear in a thread and notes when *hertz* (None: anything) was heard."""

    def __init__(self, tap: EarTap, hertz: float | None) -> None:
        super().__init__(tap)
        self._hertz = hertz
        self._heard: deque[tuple[float, bool]] = deque(maxlen=60 * RATE // WINDOW)

    def _run(self) -> None:
        rest: NDArray[np.int16] = np.zeros(0, np.int16)
        phase = np.exp(-2j * np.pi * (self._hertz or 0.0) * np.arange(WINDOW) / RATE)
        window = np.hanning(WINDOW)
        for at, block in self._tap:
            start = at - len(rest) / RATE
            audio = np.concatenate([rest, block])
            count = len(audio) // WINDOW
            for i in range(count):
                piece = audio[i * WINDOW : (i + 1) * WINDOW] / 32768
                if self._hertz is None:
                    strength = float(np.abs(piece).max())
                else:
                    strength = float(abs(np.dot(piece * window, phase)) * 4 / WINDOW)
                self._heard.append((start + i * WINDOW / RATE, strength > LOUD))
            rest = audio[count * WINDOW :]

    async def first_after(self, moment: float, limit: float = 3.0) -> float | None:
        """When it was first heard after *moment*; None within *limit* s."""
        while time.monotonic() < moment + limit:
            for at, heard in list(self._heard):
                if heard and at >= moment:
                    return at
            await asyncio.sleep(0.01)
        return None


async def measure_join(world: World, repetitions: int) -> list[Figure]:
    """Monitor click (the API request leaves the client) → first sample of the call."""
    samples: list[float] = []
    async with Person(world) as person, open_centre(world) as admin:
        call = await admin.create_call()
        await admin.tone(call, "customer", TONE_HZ, -12.0)
        await person.listed(call)
        with Watcher(world.card.tap_ear(), TONE_HZ) as ear:
            await asyncio.sleep(0.5)
            for _ in range(repetitions):
                clicked = time.monotonic()
                await person.post(f"/interactions/{call}/monitor")
                heard = await ear.first_after(clicked)
                if heard is not None:
                    samples.append(1000 * (heard - clicked))
                await person.delete("/monitoring")
                await asyncio.sleep(0.4)
        await admin.do("end", call=call)
    return [Figure("join", samples, "ms", 400, "p95")]


async def measure_ear(world: World, repetitions: int) -> list[Figure]:
    """The sandbox's speaker → the virtual card, by clicks, on a clean line."""
    samples: list[float] = []
    async with Person(world) as person, monitored(world, person) as call:
        await asyncio.sleep(2.0)
        with Watcher(world.card.tap_ear(), None) as ear:
            await asyncio.sleep(0.5)
            for i in range(repetitions):
                done = await call.admin.do("click", call=call.interaction, party="customer")
                spoken = float(done["at"])
                heard = await ear.first_after(spoken, 1.0)
                if heard is not None:
                    samples.append(1000 * (heard - spoken))
                await asyncio.sleep(0.25 + 0.007 * (i % 5))
    return [Figure("ear", samples, "ms", 150, "p95")]
