"""Whether the headset ever runs dry while a busy page is served: by ALSA's count, and at the ear.

A call is listened to while the contact centre lists 10,000 interactions and changes 100 of them a
second, and a page is open that filters the list again and again.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np

from appliance.audio.levels import dbfs
from appliance.demo.world import Options
from tests.bench.figures import Figure
from tests.support.demo_world import Person, demo_world, monitored
from tests.support.stalls import watched_machine

LISTED = 10_000
CHANGES_A_SECOND = 100.0
WINDOW_S = 10.0
"""The ear is listened to so long at a time; what is heard is not kept."""
PIECE = 48
"""Samples of a gap's grain (1 ms)."""
SILENT = -60.0
FILTERS = ("search=garcia", "queue=Sales&sort=customer", "agent=Ada&page=3", "show=all&search=46")


async def measure_underruns(directory: Path, seconds: float) -> list[Figure]:
    """*underruns*: how often in all that time. *gap*: the longest in each 10 s, in ms, with what
    the machine stood still as the goal's allowance told beside it.
    """
    options = Options(centre={"listed": LISTED, "changes_per_second": CHANGES_A_SECOND})
    async with (
        demo_world(directory, options) as world,
        Person(world) as person,
        monitored(world, person) as call,
        person.events(),
    ):
        await call.admin.tone(call.interaction, "customer", 440.0, -20.0)
        await asyncio.sleep(3.0)
        before = await _underruns(person)
        browsing = asyncio.create_task(_browse(person))
        with world.card.tap_ear() as ear, watched_machine() as stalls:
            gaps = []
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                span = min(WINDOW_S, max(1.0, until - time.monotonic()))
                gaps.append(_longest_gap_ms(await asyncio.to_thread(ear.record, span)))
        browsing.cancel()
        await asyncio.gather(browsing, return_exceptions=True)
        counted = await _underruns(person) - before
        quality = await _concealed(person)
    print(
        f"{counted} underruns in {seconds:.0f} s; longest gap at the ear {max(gaps):.0f} ms, "
        f"longest stand-still of the machine {stalls.longest_ms:.0f} ms, concealed {quality}"
    )
    return [
        Figure("underruns", [float(counted)], "in all", 0, "p99"),
        Figure("gap", gaps, "ms", 10, "p99"),
    ]


async def _underruns(person: Person) -> int:
    return int((await person.get("/device"))["headset"]["underruns"])


async def _concealed(person: Person) -> str:
    async with person.events() as events, asyncio.timeout(5):
        while True:
            for _, name, data in events:
                if name == "quality":
                    return f"{data['concealed_ms']} ms, lost {data['lost']}"
            await asyncio.sleep(0.05)


async def _browse(person: Person) -> None:
    while True:
        for query in FILTERS:
            await person.get(f"/interactions?{query}")
            await asyncio.sleep(0.25)


def _longest_gap_ms(audio: np.ndarray[Any, np.dtype[np.int16]]) -> float:
    """The longest run of 1 ms pieces that are silent; of a tone of 440 Hz none is."""
    longest = run = 0
    for i in range(len(audio) // PIECE):
        run = run + 1 if dbfs(audio[i * PIECE : (i + 1) * PIECE]) < SILENT else 0
        longest = max(longest, run)
    return float(longest)
