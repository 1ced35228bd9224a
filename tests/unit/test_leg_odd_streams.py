"""Streams that no sender should send: the jitter buffer survives them, and plays what there is."""

from __future__ import annotations

import random

import numpy as np
import pytest
from opuslib_next import Encoder as AnyEncoder

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.codecs.table import OPUS
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.receive.store import JUMP, MAX_PACKETS
from tests.support.telephone import packets, tone

PACKETS = packets(OPUS, tone(150 * FRAME))


def run(buffer: JitterBuffer, stamps: list[int], *, payloads: list[bytes]) -> list[Samples]:
    blocks = []
    for i, stamp in enumerate(stamps):
        buffer.put(1, stamp & 0xFFFFFFFF, payloads[i], i * 0.02)
        blocks += [buffer.pop(), buffer.pop()]
    return blocks


@pytest.mark.parametrize("shift", [1, 60, 119, 121, 500, 961, 1_000, 5_001, 47_999])
def test_timestamps_that_go_on_elsewhere_are_survived(shift: int) -> None:
    """A sender that was switched (a transfer) goes on with other timestamps, of any distance."""
    stamps = [i * FRAME + (shift if i >= 50 else 0) for i in range(150)]
    blocks = run(JitterBuffer(), stamps, payloads=PACKETS)
    assert all(block.shape == (BLOCK,) for block in blocks)
    assert all(dbfs(block) > -20 for block in blocks[-40:])


@pytest.mark.parametrize(
    "shift", [-1, -500, -961, -5_001, -47_999, JUMP - 1, JUMP, JUMP + 1, 2**30]
)
def test_jumps_back_and_far_ahead_cost_time_and_nothing_else(shift: int) -> None:
    stamps = [2**31 + i * FRAME + (shift if i >= 20 else 0) for i in range(150)]
    buffer = JitterBuffer()
    blocks = run(buffer, stamps, payloads=PACKETS)
    assert all(dbfs(block) > -20 for block in blocks[-20:])
    assert buffer.delay_ms < 400


def test_random_stamps_sources_and_garbage_never_raise() -> None:
    rng = random.Random(11)
    buffer = JitterBuffer()
    for i in range(3_000):
        payload = rng.choice(
            [
                PACKETS[i % 150],
                rng.randbytes(rng.randrange(0, 40)),
                b"",
                b"\xff\x30",
                PACKETS[3][:5],
            ]
        )
        near = i * FRAME + rng.choice([0, 0, 7, -960, 333, -5_000])
        stamp = rng.choice([near, near, near, rng.randrange(2**32)])
        buffer.put(rng.choice([1] * 50 + [2]), stamp & 0xFFFFFFFF, payload, i * 0.02)
        for _ in range(rng.randrange(4)):
            assert buffer.pop().shape == (BLOCK,)
        assert len(buffer._timeline.store) <= MAX_PACKETS
    assert buffer.stats.malformed > 100


def test_empty_packet_of_another_source_does_not_end_the_stream() -> None:
    buffer = JitterBuffer()
    blocks = []
    for i, packet in enumerate(PACKETS[:60]):
        buffer.put(1, i * FRAME, packet, i * 0.02)
        buffer.put(2, 77, b"", i * 0.02)  # padding, as senders probe with
        blocks += [buffer.pop(), buffer.pop()]
    assert all(dbfs(block) > -20 for block in blocks[20:])


def test_first_packet_that_comes_late_is_heard_in_its_place() -> None:
    buffer = JitterBuffer()
    for i in (1, 0, 2, 3, 4, 5):
        buffer.put(1, (2**32 - FRAME + i * FRAME) & 0xFFFFFFFF, PACKETS[i], 0.02 * i)
    for _ in range(10):
        assert buffer.pop().shape == (BLOCK,)
    assert buffer.stats.late == buffer.stats.lost == 0


def test_packets_of_60_ms_and_stereo_are_played_whole() -> None:
    encoder = AnyEncoder(48_000, 2, "voip")
    wave = np.repeat(tone(48_000)[:, np.newaxis], 2, axis=1)
    buffer = JitterBuffer()
    blocks = []
    for i in range(16):
        part = wave[i * 2_880 : (i + 1) * 2_880]
        buffer.put(1, i * 2_880, encoder.encode(part.tobytes(), 2_880), i * 0.06)
        blocks += [buffer.pop() for _ in range(6)]
    first = [dbfs(block) > -20 for block in blocks].index(True)
    assert first < 12
    assert all(dbfs(block) > -20 for block in blocks[first + 1 :])
