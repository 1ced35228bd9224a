"""A peak limiter for the ear: it looks ahead, so that nothing passes and nothing clicks.

The attenuation that each sample needs is held for as long as the look-ahead, let go at a constant
rate, and averaged over the look-ahead: the gain has reached what a peak needs when the peak comes,
by a ramp and not by a step. Quiet sound passes bit by bit, 1.3 ms late.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.leg.codecs.opus import SAMPLE_RATE

Sound = NDArray[np.float32]
"""Samples in the scale of 16 bits, shape ``(frames,)`` or ``(frames, channels)``."""

WINDOW = 64
"""Samples of a ramp; a power of two, for the search of the highest."""
LOOK_AHEAD = WINDOW - 1
"""Samples by which sound is late (1.3 ms)."""
HEADROOM_DBFS = -1.0
"""The highest ceiling: a converter overshoots full scale itself (EBU R 128 on true peaks)."""
RELEASE_DB_S = 40.0
"""How fast the gain comes back, in dB a second: 6 dB in 150 ms, which is not heard as pumping."""
SETTLED_DB = 1e-3
"""Less attenuation than this is none: it would change no 16-bit sample by more than rounding."""
FULL_SCALE = 32767.0

_RELEASE = RELEASE_DB_S / SAMPLE_RATE


class Limiter:
    """Belongs to one thread. The *channels* are attenuated alike, so that nothing moves sideways.

    *ceiling_dbfs*: the highest peak that ever passes, at most `HEADROOM_DBFS`; a sine of full scale
    has its peaks at 0.
    """

    def __init__(self, ceiling_dbfs: float, channels: int) -> None:
        self.ceiling = math.floor(FULL_SCALE * 10 ** (min(ceiling_dbfs, HEADROOM_DBFS) / 20))
        """In the scale of 16 bits."""
        self.attenuation_db = 0.0
        """Of the last sample given out."""
        self._late: Sound = np.zeros((LOOK_AHEAD, channels), np.float32)
        self._needed = np.zeros(LOOK_AHEAD)
        """dB that the samples in the look-ahead need."""
        self._held = np.zeros(LOOK_AHEAD)
        """dB held and let go at the rate, of the last samples; what is averaged."""
        self._working = False
        """Whether either is not zero."""

    def process(
        self, sound: Sound, ceiling: float | None = None, peak: float | None = None
    ) -> NDArray[np.int16]:
        """The sound of `LOOK_AHEAD` samples ago, shape ``(frames, channels)``, as *sound*'s.

        A lower *ceiling* (in the scale of 16 bits) holds for what comes in now; its *peak* need
        not be looked for where it is known.
        """
        limit = min(self.ceiling, ceiling) if ceiling is not None else self.ceiling
        line = np.concatenate([self._late, sound])
        self._late = line[len(sound) :]
        peak = peak_of(sound) if peak is None else peak
        line = line[: len(sound)]
        if peak <= limit and not self._working:
            # All that is given out came in under the ceiling.
            quiet: NDArray[np.int16] = np.rint(line).astype(np.int16)
            return quiet
        out = np.rint(line * self._gain(sound, limit)[:, np.newaxis])
        # What is left above is rounding, and what was let in under a lower ceiling than this.
        bounded: NDArray[np.int16] = out.clip(-self.ceiling, self.ceiling).astype(np.int16)
        return bounded

    def _gain(self, sound: Sound, limit: float) -> Sound:
        loud = np.maximum(np.abs(sound).max(axis=1), limit)
        needed = np.concatenate([self._needed, 20 * np.log10(loud / limit)])
        self._needed = needed[len(sound) :]
        held = np.concatenate([self._held, self._let_go(_highest(needed))])
        self._held = held[len(sound) :]
        if not self._needed.any() and self._held.max() < SETTLED_DB:
            self._held = np.zeros(LOOK_AHEAD)
        self._working = bool(self._needed.any() or self._held.any())
        total = np.concatenate([[0.0], np.cumsum(held)])
        attenuation = (total[WINDOW:] - total[:-WINDOW]) / WINDOW
        self.attenuation_db = float(attenuation[-1])
        gain: Sound = (10 ** (-attenuation / 20)).astype(np.float32)
        return gain

    def _let_go(self, highest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each value, or the last one less the rate, whichever is more."""
        fallen = np.arange(1, len(highest) + 1) * _RELEASE
        rest = np.maximum.accumulate(highest + fallen)
        released: NDArray[np.float64] = np.maximum(rest, self._held[-1]) - fallen
        return np.maximum(released, 0.0)


def peak_of(sound: Sound) -> float:
    """The highest magnitude of *sound*; 0 for none."""
    if not sound.size:
        return 0.0
    # To find where takes less than half as long as a reduction of so few samples.
    return float(max(sound.item(sound.argmax()), -sound.item(sound.argmin())))


def _highest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest of each `WINDOW` values in a row, shape ``(n − LOOK_AHEAD,)``."""
    step = 1
    while step < WINDOW:
        values = np.maximum(values[step:], values[:-step])
        step *= 2
    return values
