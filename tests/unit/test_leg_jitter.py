"""The jitter buffer on made-up arrivals, with real Opus packets."""

from __future__ import annotations

import random

import numpy as np
import pytest

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import FRAME, Decoder, Encoder, OpusError, Samples, packet_samples
from appliance.leg.receive.delay import LOSS_MEMORY, ArrivalStatistics
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.receive.store import MAX_PACKETS


def tone_packets(count: int, hertz: float = 440.0) -> list[bytes]:
    """Opus packets of a steady tone at −9 dBFS."""
    encoder = Encoder(40_000, 5, 10)
    time = np.arange(count * FRAME) / 48_000
    wave = (np.sin(2 * np.pi * hertz * time) * 11_600).astype(np.int16)
    return [encoder.encode(wave[i * FRAME : (i + 1) * FRAME]) for i in range(count)]


def play(
    packets: list[bytes], arrivals: list[float | None], *, first: int = 0
) -> tuple[JitterBuffer, list[Samples]]:
    """Put packet *i* at its arrival time (s; None is lost), pop each 10 ms."""
    buffer = JitterBuffer()
    events = sorted((at, i) for i, at in enumerate(arrivals) if at is not None)
    heard: list[Samples] = []
    clock = 0.0
    while clock < len(packets) * 0.02 + 0.5:
        while events and events[0][0] <= clock:
            at, i = events.pop(0)
            buffer.put(1, (first + i * FRAME) & 0xFFFFFFFF, packets[i], at)
        heard.append(buffer.pop())
        clock += 0.01
    return buffer, heard


def loud(heard: list[Samples]) -> list[bool]:
    return [dbfs(block) > -20 for block in heard]


def test_clean_stream_is_continuous_and_quick() -> None:
    packets = tone_packets(100)
    buffer, heard = play(packets, [i * 0.02 for i in range(100)])
    flags = loud(heard)
    start = flags.index(True)
    assert start <= 8
    assert all(flags[start : start + 190])
    assert buffer.stats.concealed <= 48_000 // 2  # only after the end
    assert all(block.shape == (BLOCK,) for block in heard)


def test_timestamp_wraps() -> None:
    packets = tone_packets(60)
    _, heard = play(packets, [i * 0.02 for i in range(60)], first=2**32 - 20 * FRAME)
    flags = loud(heard)
    assert all(flags[flags.index(True) : 110])


def test_single_losses_are_recovered_or_concealed() -> None:
    rng = random.Random(7)
    packets = tone_packets(200)
    arrivals = [None if i > 5 and rng.random() < 0.05 else i * 0.02 for i in range(200)]
    buffer, heard = play(packets, arrivals)
    start = loud(heard).index(True)
    assert all(dbfs(block) > -45 for block in heard[start : start + 380])
    assert buffer.stats.lost == sum(a is None for a in arrivals)


def test_late_packets_raise_the_delay_and_it_comes_down_again() -> None:
    rng = random.Random(3)
    packets = tone_packets(1_200)
    arrivals: list[float | None] = [
        i * 0.02 + (rng.random() * 0.08 if 100 <= i < 300 else 0.0) for i in range(1_200)
    ]
    buffer = JitterBuffer()
    events = sorted((at, i) for i, at in enumerate(arrivals) if at is not None)
    delays = []
    for tick in range(2_380):
        while events and events[0][0] <= tick * 0.01:
            at, i = events.pop(0)
            buffer.put(1, i * FRAME, packets[i], at)
        buffer.pop()
        delays.append(buffer.delay_ms)
    assert max(delays[250:600]) >= 80
    assert np.mean(delays[2_000:]) < 90


def test_a_loss_is_remembered_for_ten_seconds_and_then_forgotten() -> None:
    statistics = ArrivalStatistics()
    targets = []
    for i in range(700):
        statistics.count_loss(lost=i == 100)
        statistics.add(i * FRAME, i * FRAME)
        targets.append(statistics.target)
    quick, careful = targets[99], targets[100]
    assert careful > quick
    assert targets == [quick] * 100 + [careful] * 500 + [quick] * 100


@pytest.mark.parametrize(("arrival", "more"), [(None, True), (100 * 0.02 + 0.06, False)])
def test_only_what_never_comes_is_a_loss(arrival: float | None, more: bool) -> None:
    """Also where the line is so quick that the hole is left out and not filled."""
    packets = tone_packets(110)
    buffer, _ = play(packets, [arrival if i == 100 else i * 0.02 for i in range(110)])
    assert buffer.stats.lost == 1
    assert buffer.stats.late == (not more)
    assert (buffer._statistics._since_loss < LOSS_MEMORY) is more


def test_a_repeat_takes_no_loss_back() -> None:
    packets = tone_packets(110)
    buffer = JitterBuffer()
    for i in range(110):
        if i != 100:
            buffer.put(1, i * FRAME, packets[i], i * 0.02)
        if i == 104:
            buffer.put(1, 97 * FRAME, packets[97], i * 0.02)
        buffer.pop()
        buffer.pop()
    assert (buffer.stats.lost, buffer.stats.late) == (1, 1)
    assert buffer._statistics._since_loss < LOSS_MEMORY


def test_outage_costs_no_lasting_delay() -> None:
    packets = tone_packets(400)
    arrivals = [None if 100 <= i < 150 else i * 0.02 for i in range(400)]
    buffer, heard = play(packets, arrivals)
    flags = loud(heard)
    assert all(flags[325:790])
    assert buffer.delay_ms < 120


def test_reordered_duplicate_empty_and_garbage_packets_do_no_harm() -> None:
    packets = tone_packets(100)
    buffer = JitterBuffer()
    heard = []
    for i in range(0, 100, 2):
        for j in (i + 1, i, i):
            buffer.put(1, j * FRAME, packets[j], i * 0.02)
        buffer.put(1, i * FRAME, b"", i * 0.02)
        buffer.put(1, (i + 1) * FRAME, b"\xff" * 3, i * 0.02)
        heard += [buffer.pop() for _ in range(4)]
    flags = loud(heard)
    assert all(flags[flags.index(True) + 1 :])


def test_new_source_starts_afresh() -> None:
    packets = tone_packets(120)
    buffer = JitterBuffer()
    heard = []
    for i in range(120):
        ssrc, base = (1, 0) if i < 60 else (2, 3_000_000_000)
        buffer.put(ssrc, base + i * FRAME, packets[i], i * 0.02)
        heard += [buffer.pop(), buffer.pop()]
    assert sum(loud(heard)) > 210


def test_memory_is_bounded_when_nobody_plays() -> None:
    (packet,) = tone_packets(1)
    buffer = JitterBuffer()
    for i in range(1_000):
        buffer.put(1, i * FRAME, packet, i * 0.02)
    assert len(buffer._arrived) <= MAX_PACKETS
    buffer.pop()
    assert len(buffer._timeline.store) <= MAX_PACKETS
    assert buffer.delay_ms <= MAX_PACKETS * 20 + 20


@pytest.mark.parametrize(
    ("payload", "samples"),
    [(b"\xf8\xff\xfe", 960), (b"", 0), (b"\x03", 0), (b"\x03\x3f", 0), (b"\x08", 960)],
)
def test_packet_samples(payload: bytes, samples: int) -> None:
    assert packet_samples(payload) == samples


def test_decoder_refuses_garbage_with_a_sentence() -> None:
    with pytest.raises(OpusError, match="refused a packet of 2 bytes"):
        Decoder().decode(b"\x03\x3f")
