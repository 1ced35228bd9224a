"""Between a codec's sample rate and the leg's 48 kHz: polyphase FIR filters that remember, so that
a packet's edge is not heard (Oppenheim and Schafer, "Discrete-Time Signal Processing", 4.7).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples

TAPS = 32
"""Samples at the lower rate that the filter spans: half of them are its delay."""
BETA = 6.0
"""Kaiser's window: side lobes of -60 dB."""
BAND = 0.96
"""Half of the filter's band, of the lower rate's Nyquist frequency."""

Floats = NDArray[np.float32]


def _low_pass(factor: int) -> Floats:
    """A windowed sinc at the higher rate, of unit gain."""
    count = TAPS * factor
    time = np.arange(count) - (count - 1) / 2
    taps = np.sinc(BAND * time / factor) * np.kaiser(count, BETA)
    unit: Floats = (taps / taps.sum()).astype(np.float32)
    return unit


def _to_samples(wave: Floats) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


class Upsampler:
    """From *rate* (8000 or 16000) to 48 kHz; the delay is `TAPS` / 2 samples of *rate*."""

    def __init__(self, rate: int) -> None:
        self._factor = SAMPLE_RATE // rate
        self.delay = TAPS // 2 * self._factor
        """Of the filter, in samples at 48 kHz."""
        # One column for each of the samples that one sample becomes.
        phases = _low_pass(self._factor).reshape(TAPS, self._factor)[::-1]
        self._phases = np.ascontiguousarray(phases) * self._factor
        self._history: Floats = np.zeros(TAPS - 1, np.float32)

    def __call__(self, pcm: Samples) -> Samples:
        """*pcm*, shape ``(n,)``, as ``(n * 48000 / rate,)``."""
        wave = np.concatenate([self._history, pcm.astype(np.float32)])
        self._history = wave[len(wave) - TAPS + 1 :]
        return _to_samples((sliding_window_view(wave, TAPS) @ self._phases).reshape(-1))

    def begin_with(self, pcm: Samples) -> None:
        """Take what comes before *pcm* for its mirror image: what was before is not known."""
        first = pcm[: TAPS - 1].astype(np.float32)
        mirrored = 2 * first[:1] - first[::-1]
        self._history = np.pad(mirrored, (TAPS - 1 - len(mirrored), 0), "edge")

    def go_on_as(self, other: Upsampler) -> None:
        """Take over the past of *other*; no array is ever changed in place."""
        self._history = other._history

    def reset(self) -> None:
        """Silence before."""
        self._history = np.zeros(TAPS - 1, np.float32)


class Downsampler:
    """From 48 kHz to *rate* (8000 or 16000); the delay is `TAPS` / 2 samples of *rate*."""

    def __init__(self, rate: int) -> None:
        self._factor = SAMPLE_RATE // rate
        self._taps = _low_pass(self._factor)
        self._silence: Floats = np.zeros(len(self._taps) - self._factor, np.float32)
        self._history = self._silence

    def __call__(self, frame: Samples) -> Samples:
        """*frame*, shape ``(n,)`` with n a multiple of 48000 / rate, as ``(n * rate / 48000,)``."""
        wave = np.concatenate([self._history, frame.astype(np.float32)])
        self._history = wave[len(frame) :]
        windows = sliding_window_view(wave, len(self._taps))[:: self._factor]
        return _to_samples(windows @ self._taps)

    def reset(self) -> None:
        """Silence before."""
        self._history = self._silence
