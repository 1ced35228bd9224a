"""From what a receiver played to one row of figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from tests.bench.sound.measures import TRACK_RATE, Floats, delays, pesq_piece, visqol_piece
from tests.bench.sound.network import Scenario
from tests.bench.sound.receivers.base import BLOCK, BLOCK_S
from tests.bench.sound.rows import Row
from tests.bench.sound.session import Take
from tests.bench.sound.speech import PIECE
from tests.bench.sound.voices import WARM_UP_S, Speech

SMOOTHED = 201
"""Blocks (2 s) over which a listener's clock is read: a sound card's does not stumble."""
FINE = TRACK_RATE // 100
WATCHED = 4 * SAMPLE_RATE
CLEAN = 0.9
STEADY_MS = 10.0
IN_A_ROW = 10
"""Sound is clean again from the middle of the first of so many windows on, 10 ms apart."""
HALF_S = 0.06


def score(
    scenario: Scenario, seed: int, speech: Speech, take: Take, with_visqol: bool = False
) -> Row:
    """Measure *take*; ViSQOL takes some seconds a piece."""
    source = speech.sound(scenario.pieces)
    heard, clock = _on_the_wall(take)
    times, late = _late(scenario, source, heard, clock)
    end = WARM_UP_S + scenario.pieces * PIECE / SAMPLE_RATE
    measured = late[(times > WARM_UP_S) & (times < end + 0.5)]
    pairs = _pieces(scenario, source, heard, times, late)
    p50, p95 = np.percentile(measured, [50, 95]) if len(measured) else (None, None)
    return Row(
        scenario.name,
        take.receiver,
        seed,
        take.voice,
        _rounded(p50, 1),
        _rounded(p95, 1),
        round(float(np.mean([pesq_piece(*pair) for pair in pairs])), 3),
        _rounded(np.mean([visqol_piece(*pair) for pair in pairs]), 3) if with_visqol else None,
        _rounded(take.concealed_percent, 2),
        round(take.processor_percent, 2),
        round(take.memory.rss_mb, 1),
        round(take.memory.pss_mb, 1),
        _clean_after(take, source, heard),
    )


def _rounded(value: float | np.floating[Any] | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _on_the_wall(take: Take) -> tuple[Samples, Floats]:
    """What was heard, from the voice's first word on, and for each block how much later (ms) than
    a perfect clock the listener's took it.
    """
    if len(take.sound) != BLOCK * len(take.times):
        raise RuntimeError(f"{take.receiver} gave blocks of other than {BLOCK} samples")
    offset = take.times - np.arange(len(take.times)) * BLOCK_S
    smooth: Floats = median_filter(offset, SMOOTHED, mode="nearest")
    first = round(float(np.median(smooth)) * SAMPLE_RATE)
    clock = 1000 * (smooth - first / SAMPLE_RATE)
    if first < 0:
        return take.sound[-first:], clock[-first // BLOCK :]
    return np.pad(take.sound, (first, 0)), np.pad(clock, (first // BLOCK, 0), mode="edge")


def _late(
    scenario: Scenario, source: Samples, heard: Samples, clock: Floats
) -> tuple[Floats, Floats]:
    """When (s after the first word) each sure window was heard, and how late (ms)."""
    times, late = delays(source, heard)
    spoken = times - late / 1000
    block = np.minimum((times / BLOCK_S).astype(int), len(clock) - 1)
    return times, late + clock[block] - spoken * scenario.drift_ppm / 1000


def _pieces(
    scenario: Scenario, source: Samples, heard: Samples, times: Floats, late: Floats
) -> list[tuple[Samples, Samples]]:
    """Each measured piece as it was spoken and as it was heard."""
    pairs = []
    for number in range(scenario.pieces):
        at = int(WARM_UP_S * SAMPLE_RATE) + number * PIECE
        here = (times >= at / SAMPLE_RATE) & (times < (at + PIECE) / SAMPLE_RATE)
        shift = int(np.median(late[here]) * SAMPLE_RATE / 1000) if here.any() else 0
        piece = heard[at + shift : at + shift + PIECE]
        pairs.append((source[at : at + PIECE], np.pad(piece, (0, PIECE - len(piece)))))
    return pairs


def _clean_after(take: Take, source: Samples, heard: Samples) -> float | None:
    """From the line's return (ms) to the first of some windows that resemble what was spoken."""
    if take.resumed_s is None:
        return None
    since = int(take.resumed_s * TRACK_RATE / FINE) * FINE * SAMPLE_RATE // TRACK_RATE
    until = since + WATCHED
    times, late = delays(source, heard[:until], since=since, every=FINE, sure=CLEAN)
    for i in range(len(times) - IN_A_ROW):
        near = late[i : i + IN_A_ROW]
        if near.max() - near.min() <= STEADY_MS:
            return round(1000 * (float(times[i]) + HALF_S - take.resumed_s), 1)
    return None
