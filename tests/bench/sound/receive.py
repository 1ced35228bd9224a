"""A stream through a network into our jitter buffer, in virtual time."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import numpy as np

from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE, Samples
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from tests.bench.sound.network import Scenario
from tests.bench.sound.sending import encoded

TAIL_S = 0.5
TICK_S = BLOCK / SAMPLE_RATE


@dataclass(frozen=True)
class Received:
    """What was heard, 48 kHz from the first packet's first sample on, and what it cost."""

    heard: Samples
    buffer: JitterBuffer
    block_us: float


def receive(scenario: Scenario, source: Samples, seed: int) -> Received:
    """Play *source*, popping a block each 10 ms of the listener's clock."""
    packets = encoded(source, dtx=scenario.dtx)
    rng = random.Random(seed)
    # Where the listener's blocks fall between the packets is chance too.
    phase = rng.random() * TICK_S
    stretch = 1 + scenario.drift_ppm * 1e-6
    moments = [(i + 1) * FRAME / SAMPLE_RATE * stretch for i in range(len(packets))]
    events = sorted(
        (at, i)
        for i, at in enumerate(scenario.model(moments, rng))
        if at is not None and packets[i] is not None
    )
    first = rng.randrange(1 << 32)
    buffer = JitterBuffer()
    ticks = int((len(packets) * 0.02 * stretch + TAIL_S) / TICK_S)
    heard: list[Samples] = []
    spent = 0
    for tick in range(ticks):
        now = tick * TICK_S + phase
        begun = time.thread_time_ns()
        while events and events[0][0] <= now:
            at, i = events.pop(0)
            later = scenario.new_source and i > len(packets) // 2
            ssrc, base = (8, first + 777_777) if later else (7, first)
            buffer.put(ssrc, (base + i * FRAME) & 0xFFFFFFFF, packets[i] or b"", at)
        block = buffer.pop()
        spent += time.thread_time_ns() - begun
        heard.append(block)
    silence = np.zeros(int(phase * SAMPLE_RATE), np.int16)
    return Received(np.concatenate([silence, *heard]), buffer, spent / ticks / 1000)
