"""One run: a scenario with one seed, all voices to all receivers at once, in real time."""

from __future__ import annotations

import asyncio
import math
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.leg.codecs.opus import Samples
from tests.bench.sound.cost import Memory
from tests.bench.sound.forwarder import (
    FRAME_S,
    Delivery,
    Punctuality,
    UnpunctualError,
    after_gap,
    deliveries,
    play,
    shots,
)
from tests.bench.sound.line import Line
from tests.bench.sound.network import Scenario
from tests.bench.sound.receivers.base import BLOCK_S
from tests.bench.sound.remote import Remote
from tests.bench.sound.sending import encoded
from tests.bench.sound.voices import WARM_UP_S, Speech

LATE_MS = 15.0
"""A packet that left so much later than planned spoils a run."""
STILL_MS = 50.0
"""So does a stand-still of all receivers at once, which is this machine's and none of theirs."""
SPOKEN_A_SECOND = 30
"""Packets with sound in them that who talks sends at least; of 50, some are pauses."""
LEAD_S = 0.5
"""From the last connection's start to the first word."""


@dataclass(frozen=True)
class Take:
    """What one receiver made of one voice. Times are in s after the voice's first sample."""

    receiver: str
    voice: str
    times: NDArray[np.float64]
    """When each block of 10 ms left the receiver."""
    sound: Samples
    concealed_percent: float | None
    resumed_s: float | None
    """When the line came back from its outage."""
    processor_percent: float
    """Of one core, for one connection; so is *memory*."""
    memory: Memory

    @property
    def still_ms(self) -> float:
        """The longest time without a block while it was spoken to, beyond the block's own."""
        while_spoken = self.times[self.times > 0]
        return 1000 * float(np.diff(while_spoken).max(initial=0.0) - BLOCK_S)


class Run:
    """A scenario with one seed, for all *speeches* and *remotes*; `take` makes it."""

    def __init__(
        self, scenario: Scenario, seed: int, speeches: list[Speech], remotes: list[Remote]
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self._speeches = speeches
        self._remotes = remotes
        self._lines = {(r.name, s.voice): Line() for r in remotes for s in speeches}

    async def take(self, *, strict: bool) -> tuple[list[Take], Punctuality]:
        """Connect, play, and give what was heard.

        Where it is *strict*, raises `UnpunctualError` when the machine stands still meanwhile.
        """
        try:
            for remote in self._remotes:
                for speech in self._speeches:
                    line = self._lines[remote.name, speech.voice]
                    offer = await line.offer(listens=self.scenario.talks)
                    got = await remote.ask("open", speech.voice, offer=offer)
                    await line.accept(got["answer"])
            takes, punctuality = await self._play(LATE_MS if strict else math.inf)
        except UnpunctualError:
            for name, voice in self._lines:
                await _heard(next(r for r in self._remotes if r.name == name), voice)
            raise
        finally:
            for line in self._lines.values():
                await line.close()
        still = min(take.still_ms for take in takes)
        if strict and still > STILL_MS:
            raise UnpunctualError(f"all receivers stood still for {still:.0f} ms")
        return takes, punctuality

    async def _play(self, limit_ms: float) -> tuple[list[Take], Punctuality]:
        voices = [speech.voice for speech in self._speeches]
        keys = {voice: f"{self.scenario.name} {self.seed} {voice}" for voice in voices}
        packets = {
            s.voice: encoded(s.sound(self.scenario.pieces), dtx=self.scenario.dtx)
            for s in self._speeches
        }
        arriving = {v: deliveries(self.scenario, packets[v], keys[v]) for v in voices}
        # The voices' packets fall between each other.
        offsets = {voice: number * FRAME_S / len(voices) for number, voice in enumerate(voices)}
        schedule = [
            shot
            for (_, voice), line in self._lines.items()
            for shot in shots(line, packets[voice], arriving[voice], offsets[voice], keys[voice])
        ]
        # No receiver is always the first to be given a packet that all get at once.
        random.Random(self.seed).shuffle(schedule)
        start = time.monotonic() + LEAD_S
        playing = asyncio.create_task(play(schedule, start, limit_ms))
        await asyncio.wait([playing], timeout=start + WARM_UP_S - time.monotonic())
        before = await self._mark()
        punctuality = await playing
        marks = (before, await self._mark())
        begun = {voice: start + offset for voice, offset in offsets.items()}
        return await self._collect(marks, begun, arriving), punctuality

    async def _mark(self) -> dict[str, _Mark]:
        marks = {}
        for remote in self._remotes:
            concealed = {
                speech.voice: (await remote.ask("concealed", speech.voice))["concealed"]
                for speech in self._speeches
            }
            # In a thread: to look through /proc takes longer than a packet may be late.
            spent = await asyncio.to_thread(remote.processor_s)
            spoken = min(self._lines[remote.name, s.voice].spoken for s in self._speeches)
            marks[remote.name] = _Mark(time.monotonic(), spent, concealed, spoken)
        return marks

    async def _collect(
        self,
        marks: tuple[dict[str, _Mark], dict[str, _Mark]],
        begun: dict[str, float],
        arriving: dict[str, list[Delivery]],
    ) -> list[Take]:
        takes = []
        for remote in self._remotes:
            before, after = (mark[remote.name] for mark in marks)
            if self.scenario.talks and before.spoken_a_second(after) < SPOKEN_A_SECOND:
                raise RuntimeError(f"the receiver {remote.name} did not speak")
            memory = remote.memory()
            share = 1 / len(self._speeches)
            for speech in self._speeches:
                voice = speech.voice
                times, sound = await _heard(remote, voice)
                takes.append(
                    Take(
                        remote.name,
                        voice,
                        times - begun[voice],
                        sound,
                        before.concealed_percent(after, voice),
                        after_gap(arriving[voice]) if self.scenario.resumes else None,
                        before.processor_percent(after) * share,
                        Memory(memory.rss_mb * share, memory.pss_mb * share),
                    )
                )
        return takes


@dataclass(frozen=True)
class _Mark:
    """A receiver's figures at one *moment* (monotonic, s)."""

    moment: float
    processor_s: float
    concealed_s: dict[str, float | None]
    spoken: int

    def concealed_percent(self, after: _Mark, voice: str) -> float | None:
        was, now = self.concealed_s[voice], after.concealed_s[voice]
        if was is None or now is None or now < was:
            return None  # libwebrtc counts anew with a new source
        return 100 * (now - was) / (after.moment - self.moment)

    def spoken_a_second(self, after: _Mark) -> float:
        return (after.spoken - self.spoken) / (after.moment - self.moment)

    def processor_percent(self, after: _Mark) -> float:
        return 100 * (after.processor_s - self.processor_s) / (after.moment - self.moment)


async def _heard(remote: Remote, voice: str) -> tuple[NDArray[np.float64], Samples]:
    """End the connection; when each block was heard (monotonic, s), and all blocks."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "heard.npz"
        await remote.ask("close", voice, file=str(file))
        with np.load(file) as data:
            return data["times"], data["sound"]
