"""A stream through a network into our jitter buffer, in virtual time."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
from opuslib_next.api import ctl
from opuslib_next.api import encoder as lib_encoder

from appliance.leg.jitter import BLOCK, JitterBuffer
from appliance.leg.opus import FRAME, SAMPLE_RATE, Encoder, Samples
from tests.bench.sound.network import Scenario

BITRATE, COMPLEXITY, EXPECTED_LOSS_PERCENT = 40_000, 10, 5
TAIL_S = 0.5
DTX_PAYLOAD = 2
"""Bytes of a packet that says no more than "go on with comfort noise"."""
TICK_S = BLOCK / SAMPLE_RATE


@dataclass(frozen=True)
class Received:
    """What was heard, 48 kHz from the first packet's first sample on, and what it cost."""

    heard: Samples
    buffer: JitterBuffer
    block_us: float


def encode(source: Samples, *, dtx: bool) -> list[bytes | None]:
    """Packets of 20 ms; None where a DTX sender, as libwebrtc does, sends none."""
    encoder = Encoder(BITRATE, COMPLEXITY, EXPECTED_LOSS_PERCENT)
    lib_encoder.encoder_ctl(encoder._state, ctl.set_dtx, int(dtx))
    packets: list[bytes | None] = []
    before = False
    for at in range(0, len(source) - FRAME + 1, FRAME):
        payload = encoder.encode(source[at : at + FRAME])
        silent = len(payload) <= DTX_PAYLOAD
        packets.append(None if silent and before else payload)
        before = silent
    return packets


@cache
def sent(key: bytes, dtx: bool) -> list[bytes | None]:
    """`encode`, remembered over the scenarios."""
    return encode(np.frombuffer(key, np.int16), dtx=dtx)


def receive(scenario: Scenario, source: Samples, seed: int) -> Received:
    """Play *source*, popping a block each 10 ms of the listener's clock."""
    packets = sent(source.tobytes(), scenario.dtx)
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
