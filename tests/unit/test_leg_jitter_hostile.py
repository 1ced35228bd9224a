"""The jitter buffer on streams that no sender should send, and on clocks that drift apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opuslib_next import Encoder as AnyEncoder

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import FRAME, Encoder, Samples
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.receive.store import MAX_PACKETS

DURATIONS = (120, 240, 480, 960, 1_920, 2_880)


def voice(count: int) -> Samples:
    """A buzz of 120 Hz with harmonics, like a vowel, at about −12 dBFS."""
    time = np.arange(count) / 48_000
    wave = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 9))
    return (np.asarray(wave) * 5_000).astype(np.int16)


def packets(count: int) -> list[bytes]:
    encoder = Encoder(40_000, 5, 10)
    wave = voice(count * FRAME)
    return [encoder.encode(wave[i * FRAME : (i + 1) * FRAME]) for i in range(count)]


def of_duration(samples: int) -> bytes:
    payload: bytes = AnyEncoder(48_000, 1, "audio").encode(voice(samples).tobytes(), samples)
    return payload


PACKETS = packets(300)
ANY_LENGTH = [of_duration(samples) for samples in DURATIONS]

packet = st.tuples(
    st.sampled_from([1, 1, 1, 1, 2]),
    st.one_of(st.integers(0, 40).map(lambda i: i * FRAME), st.integers(0, 2**32 - 1)),
    st.one_of(st.sampled_from([*PACKETS[:20], *ANY_LENGTH, b"", b"\xf8"]), st.binary(max_size=60)),
    st.floats(0, 0.1),
    st.integers(0, 6),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(packet, max_size=60))
def test_no_stream_raises_or_grows(
    stream: list[tuple[int, int, bytes, float, int]],
) -> None:
    buffer = JitterBuffer()
    now = 0.0
    for ssrc, timestamp, payload, gap, pops in stream:
        now += gap
        buffer.put(ssrc, timestamp, payload, now)
        for _ in range(pops):
            block = buffer.pop()
            assert block.shape == (BLOCK,)
            assert block.dtype == np.int16
        assert len(buffer._timeline.store) <= MAX_PACKETS
        assert len(buffer._pcm) <= 48_000
        assert buffer.delay_ms >= 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.06), st.floats(0, 0.1))
def test_a_disturbed_stream_is_never_silent(seed: int, jitter_s: float, loss: float) -> None:
    rng = random.Random(seed)
    heard = play(
        [
            (i, i * 0.02 + rng.random() * jitter_s)
            for i in range(200)
            if i < 5 or rng.random() >= loss
            for _ in range(rng.choice([1, 1, 2]))  # some twice
        ]
    )
    first = next(i for i, block in enumerate(heard) if dbfs(block) > -30)
    assert first < 15
    quiet = [dbfs(block) < -50 for block in heard[first : first + 380]]
    assert sum(quiet) < 5


PAUSING = b"\xf8"
"""What a DTX sender says before it says nothing."""


def play(
    arrivals: list[tuple[int, float]], ppm: float = 0.0, pausing: int | None = None
) -> list[Samples]:
    """Pop a block each 10 ms of a clock that runs *ppm* faster than the sender's; with packet
    *pausing* the sender begins to pause.
    """
    buffer = JitterBuffer()
    events = sorted((at, i) for i, at in arrivals)
    heard = []
    for tick in range(int(events[-1][0] * 100 * (1 + ppm * 1e-6)) + 10):
        now = tick * 0.01 / (1 + ppm * 1e-6)
        while events and events[0][0] <= now:
            at, i = events.pop(0)
            payload = PAUSING if i == pausing else PACKETS[i % len(PACKETS)]
            buffer.put(1, i * FRAME, payload, at)
        heard.append(buffer.pop())
    return heard


def steepest(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(np.int32))).max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stretching_and_merging_do_not_click(seed: int) -> None:
    """No step from sample to sample that is not in the sound itself."""
    rng = random.Random(seed)
    clean = np.concatenate(play([(i, i * 0.02) for i in range(250)])[10:480])
    stalled = [
        (i, max(i * 0.02, 2.2) if 2.0 < i * 0.02 < 2.2 else i * 0.02 + rng.random() * 0.05)
        for i in range(250)
        if i < 5 or rng.random() > 0.03
    ]
    assert steepest(np.concatenate(play(stalled)[10:480])) < 1.5 * steepest(clean)


@pytest.mark.parametrize("ppm", [-500, 500])
def test_drift_over_minutes_keeps_the_delay(ppm: int) -> None:
    """Three minutes at 500 ppm come to 90 ms: without stretching the delay would show them."""
    buffer = JitterBuffer()
    delays = []
    sent = 0
    for tick in range(18_000):
        now = tick * 0.01 / (1 + ppm * 1e-6)
        while sent * 0.02 <= now:
            buffer.put(1, sent * FRAME, PACKETS[sent % len(PACKETS)], sent * 0.02)
            sent += 1
        assert dbfs(buffer.pop()) > -60 or tick < 10
        delays.append(buffer.delay_ms)
    assert max(delays) < 100
    assert buffer.stats.concealed < 48_000
    assert buffer.stats.stretched < 3 * 48_000


def test_new_source_is_heard_without_a_hole_and_stragglers_are_not() -> None:
    buffer = JitterBuffer()
    heard = []
    for i in range(150):
        ssrc, base = (1, 0) if i < 75 else (2, 3_000_000_000)
        buffer.put(ssrc, base + i * FRAME, PACKETS[i], i * 0.02)
        if 75 <= i < 77:
            buffer.put(1, (i - 2) * FRAME, PACKETS[i - 2], i * 0.02)
        heard += [buffer.pop(), buffer.pop()]
    assert all(dbfs(block) > -50 for block in heard[10:])
    assert buffer.stats.late == 2


def test_single_stray_timestamp_costs_nothing() -> None:
    buffer = JitterBuffer()
    heard = []
    for i in range(100):
        stamp = 2**31 if i == 50 else i * FRAME
        buffer.put(1, stamp, PACKETS[i], i * 0.02)
        heard += [buffer.pop(), buffer.pop()]
    assert all(dbfs(block) > -40 for block in heard[10:])


def test_pause_of_the_sender_is_no_loss() -> None:
    """A DTX sender says so in two bytes, and then sends nothing."""
    buffer = JitterBuffer()
    for i in range(150):
        if not 50 < i < 100:
            payload = b"\xf8" if i == 50 else PACKETS[i]
            buffer.put(1, i * FRAME, payload, i * 0.02)
        buffer.pop()
        buffer.pop()
    assert buffer.stats.lost == buffer.stats.late == buffer.stats.concealed == 0
    assert buffer.delay_ms < 80


def test_line_that_stays_slower_is_no_stall() -> None:
    heard = play([(i, i * 0.02 + (0.15 if i >= 100 else 0.0)) for i in range(280)])
    assert all(dbfs(block) > -40 for block in heard[-60:-30])


def test_packets_that_others_overtook_set_no_clock_back() -> None:
    """Five come together 0.3 s late, as after a change of the network: they are lost, no more."""
    events = sorted((0.8 if 20 <= i < 25 else i * 0.02, i) for i in range(100))
    buffer, heard, delays = JitterBuffer(), [], []
    for tick in range(200):
        while events and events[0][0] <= tick * 0.01:
            at, i = events.pop(0)
            buffer.put(1, i * FRAME, PACKETS[i], at, number=65_500 + i & 0xFFFF)
        heard.append(buffer.pop())
        delays.append(buffer.delay_ms)
    assert buffer.stats.lost == buffer.stats.late == 5
    assert max(delays) < 60
    assert sum(dbfs(block) < -40 for block in heard[5:]) <= 10


def test_sender_that_counts_anew_is_heard_again() -> None:
    """Its numbers and its clock are where they were a second before."""
    buffer, heard = JitterBuffer(), []
    for i in range(150):
        again = i - 50 if i >= 100 else i
        buffer.put(1, again * FRAME, PACKETS[again], i * 0.02, number=again)
        heard += [buffer.pop(), buffer.pop()]
    assert sum(dbfs(block) < -40 for block in heard[10:]) <= 15


@pytest.mark.parametrize("pause_s", [0.5, 1.2, 3.0, 10.0])
@pytest.mark.parametrize("told", [None, 49])
def test_sender_whose_clock_stood_still_in_a_pause_is_heard_again(
    pause_s: float, told: int | None
) -> None:
    """As Chromium's in a telephone's codec, when its page switches the sender off and on; it may
    have *told* of the pause.
    """
    arrivals = [(i, i * 0.02 + (pause_s if i >= 50 else 0.0)) for i in range(200)]
    heard = play(arrivals, pausing=told)
    again = 100 + round(pause_s * 100)
    assert all(dbfs(block) > -40 for block in heard[again + 10 : again + 290])
