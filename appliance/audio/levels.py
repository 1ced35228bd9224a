"""Loudness of 16-bit sound, in dBFS as AES17 defines it: a full-scale sine is 0 dBFS."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SILENCE_DBFS = -100.0
"""The floor: digital silence, and everything that is quieter than a sixteenth bit can say."""

_FULL_SCALE = 32767.0


def dbfs(samples: NDArray[np.int16]) -> float:
    """RMS level of *samples* (any shape) re a full-scale sine; a full-scale square is +3.01."""
    if samples.size == 0:
        return SILENCE_DBFS
    flat = samples.astype(np.float64).ravel()
    return power_dbfs(float(flat @ flat) / flat.size)


def power_dbfs(power: float) -> float:
    """The same of a mean square, in the scale of 16 bits."""
    return _level(math.sqrt(2.0 * power))


def tone_dbfs(samples: NDArray[np.int16], frequency: float, rate: int = 48_000) -> float:
    """Level of one tone of *frequency* Hz in mono *samples*, shape ``(n,)``, all else left out.

    The Goertzel bin (one line of the discrete Fourier transform, here as a dot product); over
    one second it is 1 Hz wide, so whole frequencies in Hz do not leak into each other.
    """
    if samples.ndim != 1:
        raise ValueError("tone_dbfs measures mono samples, shape (n,)")
    count = len(samples)
    if count == 0:
        return SILENCE_DBFS
    turns = np.arange(count) * (2.0 * math.pi * frequency / rate)
    line = complex(samples.astype(np.float64) @ np.exp(-1j * turns))
    return _level(2.0 * abs(line) / count)


def _level(amplitude: float) -> float:
    if amplitude <= 0.0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 20.0 * math.log10(amplitude / _FULL_SCALE))
