"""Sound as the centre knows it: 48 kHz, mono, int16, in frames of 20 ms; making and measuring it.

Levels are dBFS in the sense of AES17: a full-scale sine is 0 dB. ``FLOOR`` stands for silence.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
FRAME: Final = 960
"""Samples in a frame."""
FRAME_SECONDS: Final = FRAME / RATE
FLOOR: Final = -100.0

Pcm = NDArray[np.int16]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

SILENCE: Final[Pcm] = np.zeros(FRAME, np.int16)
SILENCE.setflags(write=False)


def from_float(samples: Floats) -> Pcm:
    """−1…1 to int16, clipped."""
    clipped: Pcm = np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)
    return clipped


def mix(*frames: Pcm) -> Pcm:
    """The sum, clipped."""
    total = np.zeros(FRAME, np.int32)
    for frame in frames:
        total += frame
    mixed: Pcm = np.clip(total, -32768, 32767).astype(np.int16)
    return mixed


def resample(samples: Floats, rate: int, to: int) -> Floats:
    """Band-limited change of rate, through the spectrum: no image and no loss in the pass band."""
    common = math.gcd(rate, to)
    block, new_block = rate // common, to // common
    blocks = len(samples) // block + 2
    padded = np.zeros(blocks * block)
    padded[: len(samples)] = samples
    new_length = blocks * new_block
    changed = np.fft.irfft(np.fft.rfft(padded), new_length) * (new_length / len(padded))
    kept: Floats = changed[: math.ceil(len(samples) * to / rate)]
    return kept


def tone(hz: float, dbfs: float, start: int, samples: int = FRAME) -> Pcm:
    """A piece of a sine, from sample *start* of its own time, so that pieces join up."""
    phase = 2 * math.pi * hz / RATE * np.arange(start, start + samples)
    return from_float(10 ** (dbfs / 20) * np.sin(phase))


def hold_music(seconds: int = 8, dbfs: float = -30.0) -> Pcm:
    """A slow broken chord that can be repeated without a seam."""
    notes = (261.63, 329.63, 392.0, 523.25, 440.0, 392.0, 329.63, 293.66)
    each = seconds * RATE // len(notes)
    t = np.arange(each) / RATE
    envelope = np.minimum(1.0, t / 0.02) * np.exp(-1.5 * t) * np.minimum(1.0, (t[-1] - t) / 0.05)
    amplitude = 10 ** (dbfs / 20)
    return from_float(
        np.concatenate(
            [
                amplitude
                * envelope
                * (np.sin(2 * np.pi * hz * t) + 0.3 * np.sin(4 * np.pi * hz * t))
                for hz in notes
            ]
        )
    )


def level(samples: Pcm) -> float:
    """Loudness in dBFS, not below ``FLOOR``."""
    if len(samples) == 0:
        return FLOOR
    rms = float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) / 32768.0
    return _decibels(rms * math.sqrt(2))


def tone_level(samples: Pcm, hz: float) -> float:
    """Level in dBFS of the one frequency (Goertzel's bin, under a Hann window)."""
    if len(samples) == 0:
        return FLOOR
    window = np.hanning(len(samples))
    turn = np.exp(-2j * np.pi * hz / RATE * np.arange(len(samples)))
    amplitude = 2 * abs(np.dot(samples * window, turn)) / window.sum() / 32768.0
    return _decibels(float(amplitude))


def _decibels(amplitude: float) -> float:
    return max(FLOOR, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR
