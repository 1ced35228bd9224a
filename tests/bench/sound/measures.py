"""PESQ, and the delay from mouth to ear, of what a receiver played."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pesq import PesqError, pesq
from scipy.signal import correlate, resample_poly

from appliance.leg.opus import SAMPLE_RATE, Samples
from tests.bench.sound.speech import PIECE

PESQ_RATE = 16_000
TRACK_RATE = 8_000
WINDOW = TRACK_RATE * 12 // 100
STEP = TRACK_RATE // 20
MAX_DELAY = TRACK_RATE * 6 // 10
SURE = 0.8
"""Windows that resemble no place of the source more than this tell nothing of the delay."""
QUIET = 30.0

Floats = NDArray[np.float64]


def delays(source: Samples, heard: Samples) -> tuple[Floats, Floats]:
    """When (s, of the listener's clock) each sure window was heard, and how late (ms)."""
    mouth = resample_poly(source.astype(np.float64), 1, SAMPLE_RATE // TRACK_RATE)
    ear = resample_poly(heard.astype(np.float64), 1, SAMPLE_RATE // TRACK_RATE)
    mouth = np.concatenate([np.zeros(MAX_DELAY), mouth])
    energy = np.concatenate([[0.0], np.cumsum(mouth**2)])
    times, late = [], []
    for at in range(0, min(len(ear), len(mouth) - MAX_DELAY) - WINDOW, STEP):
        window = ear[at : at + WINDOW]
        norm = float(np.sqrt(np.sum(window**2)))
        if norm < QUIET * np.sqrt(WINDOW):
            continue
        field = mouth[at : at + MAX_DELAY + WINDOW]
        power = energy[at + WINDOW : at + WINDOW + MAX_DELAY + 1] - energy[at : at + MAX_DELAY + 1]
        match = correlate(field, window, "valid", "fft") / (norm * np.sqrt(power + 1.0))
        best = int(np.argmax(match))
        if match[best] > SURE:
            times.append(at / TRACK_RATE)
            late.append((MAX_DELAY - best) * 1000 / TRACK_RATE)
    return np.array(times), np.array(late)


def pesq_of(source: Samples, heard: Samples, times: Floats, late: Floats) -> float:
    """Wide-band PESQ (ITU-T P.862.2), averaged over the pieces of the source."""
    scores = []
    for at in range(0, len(source), PIECE):
        here = (times >= at / SAMPLE_RATE) & (times < (at + PIECE) / SAMPLE_RATE)
        shift = int(np.median(late[here]) * SAMPLE_RATE / 1000) if here.any() else 0
        heard_piece = heard[at + shift : at + shift + PIECE]
        heard_piece = np.pad(heard_piece, (0, PIECE - len(heard_piece)))
        scores.append(_pesq(source[at : at + PIECE], heard_piece))
    return float(np.mean(scores))


def _pesq(source: Samples, heard: Samples) -> float:
    down = SAMPLE_RATE // PESQ_RATE
    mouth, ear = (resample_poly(x.astype(np.float64), 1, down) / 32768 for x in (source, heard))
    try:
        score: float = pesq(PESQ_RATE, mouth, ear, "wb")
    except PesqError:
        return 1.0
    return score
