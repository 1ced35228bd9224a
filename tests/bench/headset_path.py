"""From the headset's microphone to its earpiece and nothing in between: capture, RTP, playback.

The leg is a real process at the virtual card; the other end of its call sends back what it hears.
Clicks are played into the mouth, and each is looked for at the mouth and at the ear: both are
listened to alike, so that what the listening costs falls out.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.control_link.client import LegLink
from appliance.control_link.commands import Answer, Join, OpenGate, PrepareGate
from appliance.control_link.events import AnyEvent, CallChanged, HeadsetChanged, Snapshot
from appliance.control_link.words import Media
from appliance.demo.box import to_toml
from appliance.demo.card_ends import EarTap
from appliance.demo.processes import LEG_PRIORITY, OUTSIDE_PRIORITY, Child, be_prompt
from appliance.demo.soundcard import HEADSET, VirtualCard
from tests.bench.figures import Figure
from tests.bench.tapping import Tapping

RATE = 48_000
SESSION = "headset-path"
EVERY_S = 0.4713
"""Between two clicks; no multiple of a period, so that each falls elsewhere in its packet."""
LOUD = 1_500
"""Amplitude at which a click is there (-27 dBFS)."""
APART_S = 0.3
"""Within so long after its begin a click is the same one."""
LONGEST_S = 0.4
WARM_UP = 8
"""Clicks that are left out: the jitter buffer finds its delay."""
LIMIT_S = 20.0


class Clicks(Tapping):
    """Notes when a click began, in the monotonic clock, at one end of the card."""

    def __init__(self, tap: EarTap) -> None:
        super().__init__(tap)
        self.at: list[float] = []

    def _run(self) -> None:
        for start, block in self._tap:
            loud = np.flatnonzero(np.abs(block.astype(np.int32)) > LOUD)
            if len(loud):
                at = start + int(loud[0]) / RATE
                if not self.at or at - self.at[-1] > APART_S:
                    self.at.append(at)


def clicks() -> NDArray[np.int16]:
    """One turn of the mouth's sound: 8 ms of 1 kHz that begin at once, then silence."""
    turn = np.zeros(round(EVERY_S * RATE), np.int16)
    time = np.arange(round(0.008 * RATE)) / RATE
    turn[: len(time)] = 16_000 * np.cos(2 * np.pi * 1_000 * time)
    return turn


async def measure_headset_path(directory: Path, repetitions: int) -> list[Figure]:
    """In ms from the mouth to the ear; a click that was not heard took `LONGEST_S`."""
    async with _echoed(directory) as card:
        card.play(clicks())
        mouth_tap = EarTap(
            [word.replace("ear.monitor", "mouth.monitor") for word in card.tap_command()],
            card.environment(),
        )
        with Clicks(mouth_tap) as mouth, Clicks(card.tap_ear()) as ear:
            await asyncio.sleep((repetitions + WARM_UP + 2) * EVERY_S)
        spoken = mouth.at[WARM_UP : WARM_UP + repetitions]
    delays: list[float] = []
    for at in spoken:
        heard = [there - at for there in ear.at if 0 < there - at < LONGEST_S]
        delays.append(1000 * min(heard, default=LONGEST_S))
    missed = sum(delay >= 1000 * LONGEST_S for delay in delays)
    print(f"{len(delays) - missed} of {len(delays)} clicks were heard")
    return [Figure("headset-path", delays, "ms", 100, "p95")]


@asynccontextmanager
async def _echoed(directory: Path) -> AsyncIterator[VirtualCard]:
    """A leg whose gate is open, in a call with its own echo."""
    settings = directory / "bargebox.toml"
    sections: dict[str, dict[str, object]] = {
        "box": {"run_dir": str(directory), "state_dir": str(directory)},
        "leg": {"loopback_candidates": True, "volume": 100},
        "audio": {"headset": HEADSET},
    }
    settings.write_text(to_toml(sections))
    arguments = ["-m", "appliance.cli", "leg", "--settings", str(settings), "--log-level", "error"]
    events: list[AnyEvent] = []
    link = LegLink(directory / "leg.sock", events.append, lambda _up: None)
    with VirtualCard(directory / "card") as card:
        leg = Child("leg", arguments, card.environment(), priority=LEG_PRIORITY)
        echo = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.echo"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        be_prompt(echo.pid, OUTSIDE_PRIORITY)
        try:
            await leg.start()
            link.start()
            async with asyncio.timeout(LIMIT_S):
                await _until(lambda: _plays(events))
                await _begin(link, echo, events)
            yield card
        finally:
            await link.stop()
            await leg.stop()
            if echo.stdin is not None:
                echo.stdin.close()
            await echo.wait()


async def _begin(link: LegLink, echo: asyncio.subprocess.Process, events: list[AnyEvent]) -> None:
    assert echo.stdin is not None
    assert echo.stdout is not None
    joined = await link.request(lambda n: Join(id=n, session_id=SESSION), limit_s=5)
    echo.stdin.write(json.dumps(joined.sdp).encode() + b"\n")
    answer = json.loads(await echo.stdout.readline())
    await link.request(lambda n: Answer(id=n, session_id=SESSION, sdp=answer))
    await _until(lambda: _connected(events))
    prepared = await link.request(lambda n: PrepareGate(id=n, session_id=SESSION))
    epoch = prepared.epoch
    assert epoch is not None
    await link.request(lambda n: OpenGate(id=n, session_id=SESSION, epoch=epoch), limit_s=5)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


def _plays(events: list[AnyEvent]) -> bool:
    states = [e.headset for e in events if isinstance(e, Snapshot | HeadsetChanged)]
    return bool(states) and states[-1].playing


def _connected(events: list[AnyEvent]) -> bool:
    return any(isinstance(e, CallChanged) and e.media is Media.CONNECTED for e in events)
