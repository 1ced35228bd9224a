"""The forwarder: each packet leaves at the moment at which its made-up network delivers it."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE
from tests.bench.sound.line import Line
from tests.bench.sound.network import Scenario
from tests.bench.sound.sending import Packets

FRAME_S = FRAME / SAMPLE_RATE
PRIORITY = 10


@dataclass(frozen=True)
class Delivery:
    """Packet *index* of a voice arrives *at* s after the voice's first sample was spoken."""

    at: float
    index: int
    number: int
    """Counts what was sent, arrived or not."""
    later: bool
    """From the second source, where there is one."""
    first: bool
    """Of a talk, after silence."""


def deliveries(scenario: Scenario, packets: Packets, seed: str) -> list[Delivery]:
    """What arrives, in order of arrival; the same for each receiver with the same *seed*."""
    rng = random.Random(seed)
    stretch = 1 + scenario.drift_ppm * 1e-6
    moments = [(i + 1) * FRAME_S * stretch for i in range(len(packets))]
    arrived = []
    number = 0
    for i, at in enumerate(scenario.model(moments, rng)):
        if packets[i] is None:
            continue
        number += 1
        if at is not None:
            later = scenario.new_source and i > len(packets) // 2
            first = i == 0 or packets[i - 1] is None
            arrived.append(Delivery(at, i, number, later, first))
    return sorted(arrived, key=lambda one: (round(one.at, 6), one.index))


def after_gap(arriving: list[Delivery]) -> float:
    """When (s) the first packet arrives after the longest time without any."""
    return max(pairwise(one.at for one in arriving), key=lambda pair: pair[1] - pair[0])[1]


@dataclass(frozen=True)
class Shot:
    """*packet* leaves over *line* at *moment* (s after the run's start)."""

    moment: float
    line: Line
    packet: bytes


def shots(
    line: Line, packets: Packets, arriving: Iterable[Delivery], begun: float, seed: str
) -> Iterator[Shot]:
    """The schedule of one line whose voice begins to speak *begun* s after the run's start."""
    rng = random.Random(f"{seed} origin")
    # SRTP counts turns of the sequence number, which must not happen out of order at the start.
    number, timestamp, ssrc = (
        rng.randrange(1 << 14),
        rng.randrange(1 << 32),
        rng.randrange(1, 1 << 31),
    )
    for one in arriving:
        payload = packets[one.index]
        assert payload is not None
        ahead = 777_777 if one.later else 0
        packet = line.packet(
            ssrc + one.later,
            number + one.number + ahead % 1_000,
            timestamp + one.index * FRAME + ahead,
            payload,
            first=one.first,
        )
        yield Shot(begun + one.at, line, packet)


@dataclass(frozen=True)
class Punctuality:
    """How late the packets left, in ms: a bad machine is seen here."""

    p50_ms: float
    p99_ms: float
    worst_ms: float


class UnpunctualError(Exception):
    """The machine stood still during a run, so that its figures would be the machine's."""


async def play(schedule: list[Shot], start: float, limit_ms: float = math.inf) -> Punctuality:
    """Send all of *schedule* in time, from *start* (monotonic, s) on.

    Raises `UnpunctualError` with the first packet that leaves more than *limit_ms* late.
    """
    late = []
    with _undisturbed():
        for shot in sorted(schedule, key=lambda shot: shot.moment):
            wait = start + shot.moment - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await shot.line.send(shot.packet)
            late.append(1000 * (time.monotonic() - start - shot.moment))
            if late[-1] > limit_ms:
                raise UnpunctualError(f"a packet left {late[-1]:.0f} ms late")
    p50, p99, worst = np.percentile(late, [50, 99, 100])
    return Punctuality(float(p50), float(p99), float(worst))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """The network would not wait for this machine: ahead of all other processes where allowed."""
    gc.collect()
    gc.disable()
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        gc.enable()
