"""The jitter buffer with streams of every codec: clean, lossy, changing, paused and hostile."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audio.levels import dbfs
from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import Samples
from appliance.leg.codecs.table import COMFORT_NOISE, G722, OPUS, PCMA, PCMU, SPOKEN
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.receive.store import MAX_PACKETS
from tests.support.telephone import packets, steepest, voice

TELEPHONE = (G722, PCMU, PCMA)
SECONDS = 3
VOICE = voice(SECONDS * 48_000)
every_telephone = pytest.mark.parametrize("codec", TELEPHONE, ids=lambda codec: codec.name)


class Line:
    """A sender and a listener in virtual time, 10 ms at a time."""

    def __init__(self, first: int = 0) -> None:
        self.buffer = JitterBuffer()
        self.first = first
        self.heard: list[Samples] = []
        self._now = 0.0

    def send(self, ms: int, payload: bytes, codec: Codec | None, *, lost: bool = False) -> None:
        """The packet that begins at *ms*, as it is complete."""
        if not lost:
            ticks = self.first + ms * (codec.clock if codec else 8_000) // 1000
            self.buffer.put(1, ticks & 0xFFFFFFFF, payload, self._now, codec)

    def listen(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.heard.append(self.buffer.pop())
            assert self.heard[-1].shape == (BLOCK,)
            self._now += 0.01

    def levels(self, first: int, last: int) -> list[float]:
        """dBFS of each 10 ms from *first* to *last*, in ms since the start."""
        return [dbfs(block) for block in self.heard[first // 10 : last // 10]]


@every_telephone
@pytest.mark.parametrize("ms", [10, 20, 30, 60])
def test_clean_stream_is_heard_as_it_was_said(codec: Codec, ms: int) -> None:
    line = Line()
    for i, payload in enumerate(packets(codec, VOICE, ms * 8)):
        line.send(i * ms, payload, codec)
        line.listen(ms)
    assert min(line.levels(200, 2_900)) > -18
    clean = np.concatenate([codec.decoder().decode(b"".join(packets(codec, VOICE)[:5]))])
    assert steepest(np.concatenate(line.heard[20:290])) < 1.2 * steepest(clean[960:])
    assert line.buffer.stats.lost == line.buffer.stats.late == line.buffer.stats.malformed == 0
    assert line.buffer.delay_ms < 20 + 2 * ms + 25


@every_telephone
def test_clock_of_8000_wraps_without_a_trace(codec: Codec) -> None:
    line = Line(first=2**32 - 8_000)
    for i, payload in enumerate(packets(codec, VOICE)):
        line.send(i * 20, payload, codec)
        line.listen(20)
    assert min(line.levels(200, 2_900)) > -18
    assert line.buffer.stats.lost == line.buffer.stats.concealed == 0


@every_telephone
@pytest.mark.parametrize("ms", [10, 20, 30])
def test_losses_are_counted_and_leave_no_hole(codec: Codec, ms: int) -> None:
    rng = random.Random(9)
    line, missing = Line(), 0
    for i, payload in enumerate(packets(codec, VOICE, ms * 8)):
        lost = 10 < i * ms < 2_800 and rng.random() < 0.1
        missing += lost
        line.send(i * ms, payload, codec, lost=lost)
        line.listen(ms)
    assert line.buffer.stats.lost == missing
    quiet = [level < -35 for level in line.levels(200, 2_800)]
    assert sum(quiet) <= 6  # where several were lost in a row


@every_telephone
def test_sender_on_another_clock_is_followed(codec: Codec) -> None:
    payloads = packets(codec, voice(10 * 48_000))
    buffer = JitterBuffer()
    sent, delays = 0, []
    for tick in range(6_000):
        now = tick * 0.01
        while sent * 0.02 * (1 + 300e-6) <= now:
            payload = payloads[sent % len(payloads)]
            buffer.put(1, sent * 160, payload, sent * 0.02 * (1 + 300e-6), codec)
            sent += 1
        level = dbfs(buffer.pop())
        assert level > -40 or tick < 10
        delays.append(buffer.delay_ms)
    assert max(delays) < 100


# -- comfort noise, other types, changes


@pytest.mark.parametrize("codec", [PCMU, G722], ids=lambda codec: codec.name)
def test_pause_with_comfort_noise_is_noise_and_no_loss(codec: Codec) -> None:
    line = Line()
    speech = packets(codec, VOICE)
    for i in range(150):
        if i == 50:
            line.send(i * 20, bytes([50, 60, 127]), COMFORT_NOISE)
        elif not 50 < i < 100:
            line.send(i * 20, speech[i], codec)
        line.listen(20)
    noise = np.concatenate(line.heard[115:195])
    assert dbfs(noise) == pytest.approx(-50, abs=3)
    # G.722 begins in the middle of what its sender remembers.
    assert min(line.levels(2_100, 2_900)) > (-25 if codec is G722 else -18)
    stats = line.buffer.stats
    assert stats.lost == stats.late == stats.malformed == stats.concealed == 0
    whole = np.concatenate(line.heard[20:])
    clean = steepest(codec.decoder().decode(b"".join(speech[:5]))[960:])
    assert steepest(whole) < 1.5 * clean
    assert line.buffer.delay_ms < 80


@pytest.mark.parametrize("seconds", [1, 3, 60])
def test_speech_after_a_pause_is_heard_from_its_first_packet(seconds: int) -> None:
    """However long the pause was: that its time-stamp is far ahead, the clock explains."""
    line, loud = Line(), bytes([0x80, 0x00] * 80)
    for i in range(100):
        line.send(i * 20, PCMU.silence, PCMU)
        line.listen(20)
    line.send(2_000, bytes([80]), COMFORT_NOISE)
    line.listen(20 + seconds * 1_000)
    before = len(line.heard)
    for i in range(60):
        at = 2_020 + seconds * 1_000 + i * 20
        line.send(at, loud if i < 5 else PCMU.silence, PCMU)
        line.listen(20)
    heard = np.concatenate(line.heard[before:]).astype(np.int32)
    assert np.count_nonzero(np.abs(heard) > 8_000) > 0.85 * line_loud(loud)


def line_loud(payload: bytes) -> int:
    """Samples above 8000 of five such packets in a row."""
    decoder = PCMU.decoder()
    sound = np.concatenate([decoder.decode(payload) for _ in range(5)]).astype(np.int32)
    return int(np.count_nonzero(np.abs(sound) > 8_000))


def test_types_that_nobody_agreed_on_are_dropped_and_counted() -> None:
    line = Line()
    for i, payload in enumerate(packets(PCMU, VOICE)):
        line.send(i * 20, payload, PCMU)
        line.send(i * 20, b"\x05\x0a\x00\xa0", None)  # a digit (RFC 4733)
        line.listen(20)
    assert line.buffer.stats.unknown == 150
    assert line.buffer.stats.malformed == 0
    assert min(line.levels(200, 2_900)) > -18


def test_digits_in_place_of_speech_are_a_gap_and_nothing_else() -> None:
    line = Line()
    for i, payload in enumerate(packets(PCMA, VOICE)):
        line.send(i * 20, payload, None if 60 <= i < 68 else PCMA)
        line.listen(20)
    assert min(line.levels(1_600, 2_900)) > -18
    assert line.buffer.delay_ms < 150


@pytest.mark.parametrize("to", SPOKEN, ids=lambda codec: codec.name)
@pytest.mark.parametrize("first", SPOKEN, ids=lambda codec: codec.name)
def test_codec_may_change_in_mid_call(first: Codec, to: Codec) -> None:
    """Of the same source, as after a transfer. Another clock may cost what is under way."""
    line = Line()
    before, after = packets(first, VOICE), packets(to, VOICE)
    for i in range(150):
        codec, payload = (first, before[i]) if i < 75 else (to, after[i])
        line.send(i * 20, payload, codec)
        line.listen(20)
    assert min(line.levels(200, 1_480)) > -20
    assert min(line.levels(1_480, 1_700)) > -45
    assert min(line.levels(1_800, 2_900)) > -20
    whole = np.concatenate(line.heard[20:290])
    clean = max(steepest(codec.decoder().decode(packets(codec, VOICE)[9])) for codec in SPOKEN)
    assert steepest(whole) < 2 * clean


# -- what no sender should send

EVERY = (*SPOKEN, COMFORT_NOISE)
PAYLOADS = {
    **{codec: packets(codec, VOICE[: 48_000 // 2]) for codec in SPOKEN},
    COMFORT_NOISE: [bytes([40]), bytes([60, 20, 200, 90]), bytes(range(60))],
}

hostile = st.tuples(
    st.sampled_from([*EVERY, None]),
    st.one_of(st.integers(0, 60).map(lambda i: i * 160), st.integers(0, 2**32 - 1)),
    st.one_of(st.integers(0, 24), st.binary(max_size=40), st.binary(min_size=900, max_size=1_000)),
    st.floats(0, 0.1),
    st.integers(0, 6),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(hostile, max_size=60))
def test_no_stream_of_any_codec_raises_or_grows(
    stream: list[tuple[Codec | None, int, int | bytes, float, int]],
) -> None:
    buffer = JitterBuffer()
    now = 0.0
    for codec, timestamp, what, gap, pops in stream:
        now += gap
        payload = what if isinstance(what, bytes) else b""
        if codec is not None and isinstance(what, int):
            payload = PAYLOADS[codec][what % len(PAYLOADS[codec])]
        buffer.put(1, timestamp, payload, now, codec)
        for _ in range(pops):
            block = buffer.pop()
            assert block.shape == (BLOCK,)
            assert block.dtype == np.int16
        assert len(buffer._timeline.store) <= MAX_PACKETS
        assert len(buffer._pcm) <= 48_000
        assert buffer.delay_ms >= 0


@pytest.mark.parametrize("seed", range(4))
def test_codecs_that_flip_with_each_packet_are_survived_and_forgotten(seed: int) -> None:
    rng = random.Random(seed)
    line = Line()
    for i in range(400):
        codec = rng.choice(EVERY)
        line.send(i * 20, rng.choice(PAYLOADS[codec]), codec, lost=rng.random() < 0.1)
        line.listen(20)
    for i in range(400, 550):
        line.send(i * 20, packets(PCMU, VOICE)[i - 400], PCMU)
        line.listen(20)
    assert min(line.levels(9_500, 10_800)) > -20
    assert line.buffer.delay_ms < 400
    assert len(line.buffer._timeline._decoder._decoders) <= len(EVERY)


def test_garbled_payloads_cost_what_they_stand_for() -> None:
    """Every octet is some sound to a telephone's codec; noise must not outlast its packet."""
    rng = random.Random(1)
    for codec in TELEPHONE:
        line = Line()
        for i, payload in enumerate(packets(codec, VOICE)):
            line.send(i * 20, rng.randbytes(160) if i == 60 else payload, codec)
            line.listen(20)
        assert max(line.levels(1_600, 2_900)) < -5
        assert min(line.levels(1_600, 2_900)) > -25


def test_empty_payload_of_a_telephone_codec_does_not_end_the_stream() -> None:
    """FFmpeg's decoders take an empty packet for the end."""
    line = Line()
    for i, payload in enumerate(packets(G722, VOICE)):
        line.send(i * 20, payload, G722)
        line.send(i * 20 + 5, b"", G722)
        line.listen(20)
    assert min(line.levels(200, 2_900)) > -18
    assert line.buffer.stats.malformed == 150
    assert OPUS.samples(b"") == COMFORT_NOISE.samples(b"") == 0
