"""Captures of real senders through the jitter buffer: as they came, and with all that a network
can do to them. What is promised: no exception, no growth, no silence longer than the outage.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable
from functools import cache
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.audio.levels import dbfs
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from appliance.leg.receive.store import MAX_PACKETS
from tests.corpus import index, mangling
from tests.corpus.mangling import (
    AnotherSource,
    Fault,
    Jump,
    Lose,
    Overtake,
    Repeat,
    Spoil,
    Stall,
    StandStill,
    mangle,
)
from tests.corpus.replay import (
    TICK_S,
    Arrival,
    one_after_the_other,
    plainly_decoded,
    replay,
    stream,
)

CAPTURES = index.read()
every_capture = pytest.mark.parametrize("name", CAPTURES)
OCTETS = 600_000
DELAY_MS = 70.0
"""More than any of these, all of one machine, asks for."""
UNEXPECTED_MS = 80.0
"""That is made up though nothing is missing: where a stream begins, and where one stood still."""
QUIET_DBFS, SILENT_DBFS = -45.0, -55.0
"""Below the one it was no sound in the capture, below the other none is heard of it."""
MARGIN_S = 0.06
BANDS = np.geomspace(100, 3_800, 25)
MOST_KEPT = 100_000
"""Octets: a second of sound."""


def checked(buffer: JitterBuffer, block: Samples) -> Samples:
    """*block*, after a look at it and at what the buffer keeps."""
    assert block.shape == (BLOCK,)
    assert block.dtype == np.int16
    assert len(buffer._timeline.store) <= MAX_PACKETS
    assert len(buffer._arrived) <= MAX_PACKETS
    assert len(buffer._pcm) <= SAMPLE_RATE
    assert buffer.delay_ms >= 0
    return block


def below(threshold: float, arrivals: Iterable[Arrival]) -> list[bool]:
    """Whether it was quieter, of each 10 ms that is heard."""
    return [dbfs(checked(*popped)) < threshold for popped in replay(arrivals)]


def longest(quiet: Iterable[bool]) -> float:
    return max((TICK_S * len(list(run)) for is_, run in groupby(quiet) if is_), default=0.0)


@cache
def quiet_in(name: str) -> list[bool]:
    return below(QUIET_DBFS, stream(name))


def spectrum(sound: Samples) -> NDArray[np.float64]:
    """Amplitude in each band, as a unit vector."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    at = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    bands = np.sqrt(np.histogram(at, BANDS, weights=power)[0])
    return np.asarray(bands / np.linalg.norm(bands))


def energy_db(sound: Samples) -> float:
    return float(10 * np.log10(np.sum(sound.astype(np.float64) ** 2)))


def test_the_index_tells_of_each_capture() -> None:
    files = {path.name: path.stat().st_size for path in index.STREAMS.glob("*.gz")}
    assert set(files) == {index.path_of(name).name for name in CAPTURES}
    assert sum(files.values()) < OCTETS
    for name, entry in CAPTURES.items():
        packets = stream(name)
        assert len(packets) == entry.packets
        assert round(packets[-1].at, 1) == entry.seconds


@every_capture
def test_what_is_heard_is_what_was_sent(name: str) -> None:
    packets, heard, delays = stream(name), [], []
    for buffer, block in replay(packets):
        heard.append(checked(buffer, block))
        delays.append(buffer.delay_ms)
    sound, plain = np.concatenate(heard), plainly_decoded(packets)
    assert energy_db(sound) == pytest.approx(energy_db(plain), abs=0.5)
    assert spectrum(sound) @ spectrum(plain) > 0.98
    assert max(delays) < DELAY_MS
    assert buffer.stats.malformed == 0
    assert buffer.stats.unknown == sum(one.codec is None for one in packets)
    not_sent = len(sound) - len(plain)
    assert (buffer.stats.concealed - not_sent) / SAMPLE_RATE * 1000 < UNEXPECTED_MS


where = st.floats(0, 1)
few, seconds = st.integers(1, 8), st.floats(0, 0.5)
faults: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Lose, where, st.integers(1, 25)),
    st.builds(Repeat, where, few, seconds),
    st.builds(Overtake, where, few, seconds),
    st.builds(Stall, where, st.floats(0, 0.8)),
    st.builds(Spoil, where, few, st.integers(0, 3), st.just(b"")),
    st.builds(Spoil, where, few, st.just(1_500), st.binary(min_size=1, max_size=20)),
    st.builds(AnotherSource, where, st.integers(1, 60), st.integers(0, 2**32 - 1)),
    st.builds(Jump, where, st.integers(-(2**31), 2**31)),
    st.builds(Jump, where, st.integers(-96_000, 96_000)),
    st.builds(StandStill, where, st.floats(0, 4)),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(CAPTURES)), st.lists(faults, min_size=1, max_size=3))
@example("chromium-opus-dtx", [StandStill(63.5 / 181, 3.0)])
@example("chromium-pcmu-noise", [StandStill(61.5 / 183, 3.0)])
def test_no_silence_is_longer_than_the_outage(name: str, wrong: list[Fault]) -> None:
    arrivals, costs = mangle(stream(name), wrong)
    silent, before = below(SILENT_DBFS, arrivals), quiet_in(name)
    assert TICK_S * sum(silent) <= TICK_S * sum(before) + costs + MARGIN_S
    assert longest(silent) <= longest(before) + costs + MARGIN_S


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(CAPTURES)),
    where,
    st.sampled_from(list(CAPTURES)),
    st.booleans(),
    st.lists(faults, max_size=1),
)
def test_another_sender_is_heard_at_once(
    name: str, at: float, other: str, same: bool, wrong: list[Fault]
) -> None:
    spliced, left = mangling.splice(stream(name), at, stream(other), same=same)
    arrivals, costs = mangle(spliced, wrong)
    heard = round(stream(name)[left].at / TICK_S)
    before = TICK_S * (sum(quiet_in(name)[:heard]) + sum(quiet_in(other)))
    costs += mangling.TAKE_OVER_S + mangling.OUT_OF_ORDER_S
    assert TICK_S * sum(below(SILENT_DBFS, arrivals)) <= before + costs + MARGIN_S


def kept_by_the_leg() -> int:
    """Octets that its code has allocated since the tracing began, and not given back."""
    gc.collect()
    ours = tracemalloc.Filter(True, "*/appliance/*")
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)


def test_nothing_grows_from_call_to_call() -> None:
    """All captures one after the other, three times: at the end no more is kept than once."""
    arrivals = list(one_after_the_other([stream(name) for name in CAPTURES] * 3))
    last = int(arrivals[-1].at / TICK_S)
    kept = []
    tracemalloc.start(1)
    try:
        for tick, popped in enumerate(replay(arrivals)):
            checked(*popped)
            if tick in (last // 3, last):
                kept.append(kept_by_the_leg())
    finally:
        tracemalloc.stop()
    once, thrice = kept
    assert thrice - once < MOST_KEPT
