"""PESQ, and the delay from mouth to ear, of what a receiver played."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pesq import PesqError, pesq
from scipy.signal import correlate, resample_poly

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from tests.bench.sound.speech import PIECE

PESQ_RATE = 16_000
TRACK_RATE = 8_000
WINDOW = TRACK_RATE * 12 // 100
STEP = TRACK_RATE // 20
MAX_DELAY = TRACK_RATE
SURE = 0.8
"""Windows that resemble no place of the source more than this tell nothing of the delay."""
QUIET = 30.0

Floats = NDArray[np.float64]


def delays(
    source: Samples, heard: Samples, *, since: int = 0, every: int = STEP, sure: float = SURE
) -> tuple[Floats, Floats]:
    """When (s, of the listener's clock) each sure window was heard, and how late (ms).

    The windows begin at sample *since*, *every* so many samples of 8 kHz.
    """
    mouth = resample_poly(source.astype(np.float64), 1, SAMPLE_RATE // TRACK_RATE)
    ear = resample_poly(heard.astype(np.float64), 1, SAMPLE_RATE // TRACK_RATE)
    mouth = np.concatenate([np.zeros(MAX_DELAY), mouth])
    energy = np.concatenate([[0.0], np.cumsum(mouth**2)])
    times, late = [], []
    for at in range(
        since * TRACK_RATE // SAMPLE_RATE, min(len(ear), len(mouth) - MAX_DELAY) - WINDOW, every
    ):
        window = ear[at : at + WINDOW]
        norm = float(np.sqrt(np.sum(window**2)))
        if norm < QUIET * np.sqrt(WINDOW):
            continue
        field = mouth[at : at + MAX_DELAY + WINDOW]
        power = energy[at + WINDOW : at + WINDOW + MAX_DELAY + 1] - energy[at : at + MAX_DELAY + 1]
        match = correlate(field, window, "valid", "fft") / (norm * np.sqrt(power + 1.0))
        best = int(np.argmax(match))
        if match[best] > sure:
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
        scores.append(pesq_piece(source[at : at + PIECE], heard_piece))
    return float(np.mean(scores))


def pesq_piece(source: Samples, heard: Samples) -> float:
    """Wide-band PESQ of one piece; 1.0, the worst, where it finds no speech to compare."""
    mouth, ear = _wide_band(source), _wide_band(heard)
    try:
        score: float = pesq(PESQ_RATE, mouth, ear, "wb")
    except PesqError:
        return 1.0
    return score


def visqol_piece(source: Samples, heard: Samples) -> float:
    """ViSQOL's MOS-LQO (1 to 5) of one piece in speech mode, which is wide-band too (Chinen et
    al., "ViSQOL v3", 2020).
    """
    result = _visqol().measure_from_arrays(
        _wide_band(source), _wide_band(heard), sample_rate=PESQ_RATE
    )
    return float(result.moslqo)


@cache
def _visqol() -> Any:
    # Here, because it takes a second that nobody spends who does not ask for it.
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="speech")
    return api


def _wide_band(sound: Samples) -> Floats:
    wide: Floats = resample_poly(sound.astype(np.float64), 1, SAMPLE_RATE // PESQ_RATE)
    return wide / 32768
