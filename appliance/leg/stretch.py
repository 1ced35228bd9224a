"""Time-scale modification of speech: a pitch period less or more, where it does not show.

WSOLA (Verhelst and Roelands, ICASSP 1993) with one similar stretch at a time, as NetEq does:
the signal goes on a period later or earlier, at the lag where it resembles itself most, and the
seam is cross-faded with its power kept. All in int16 at 48 kHz.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.leg.codecs.opus import Samples

MIN_PERIOD = 120
"""2.5 ms: a voice of 400 Hz."""
MAX_PERIOD = 720
"""15 ms: a voice of 67 Hz."""
OVERLAP = 240
MATCH = 480
"""Samples (10 ms) that are compared."""
PAST = 960
"""Samples of what was heard that `longer` looks back on."""
AHEAD = 1_440
"""Samples that `shorter` looks ahead on."""
SPARE = 120
"""Samples that a stretch may overshoot."""
COARSE = 6
"""The lag is looked for at 8 kHz first, and then to the sample."""

Floats = NDArray[np.float32]


class Seam(NamedTuple):
    """A lag, and how alike (normalised correlation, −1 to 1) both sides of it are."""

    lag: int
    likeness: float


def find(template: Samples, field: Samples, first: int = 0) -> Seam:
    """Where in *field* the *template* is found best; lags count from *first* on."""
    t, f = template.astype(np.float32), field.astype(np.float32)
    t8, f8 = _coarse(t), _coarse(f)
    rough = int(np.argmax(_likeness(t8, f8))) * COARSE
    start = max(0, rough - COARSE)
    near = _likeness(t, f[start : rough + COARSE + len(t)])
    best = int(np.argmax(near))
    return Seam(first + start + best, float(near[best]))


def _coarse(x: Floats) -> Floats:
    coarse: Floats = x[: len(x) // COARSE * COARSE].reshape(-1, COARSE) @ _MEAN
    return coarse


def _likeness(template: Floats, field: Floats) -> Floats:
    products = np.correlate(field, template, "valid")
    power = np.cumsum(np.concatenate([_ZERO, field * field]), dtype=np.float64)
    energy = (power[len(template) :] - power[: -len(template)]) * np.dot(template, template)
    likeness: Floats = (products / np.sqrt(energy + 1.0)).astype(np.float32)
    return likeness


def cross_fade(old: Samples, new: Samples, likeness: float) -> Samples:
    """From *old* to *new*, equally long; power is kept whatever their *likeness* is."""
    rise = _RISE if len(old) == OVERLAP else np.linspace(0, 1, len(old), dtype=np.float32)
    fall = 1 - rise
    alike = min(1.0, max(0.0, likeness))
    gain = 1 / np.sqrt(rise * rise + fall * fall + (2 * alike) * rise * fall)
    mixed = (old * fall + new * rise) * gain
    joined: Samples = np.clip(mixed, -32768, 32767).astype(np.int16)
    return joined


def shorter(ahead: Samples, most: int, least: int = MIN_PERIOD) -> Seam | None:
    """How to leave out *least* to *most* samples, of a whole period or some, at the start of
    *ahead*.
    """
    longest = min(MAX_PERIOD, most, len(ahead) - MATCH)
    if longest < MIN_PERIOD:
        return None
    first = min(max(least, MIN_PERIOD), longest)
    return find(ahead[:MATCH], ahead[first : longest + MATCH], first)


def shorten(ahead: Samples, seam: Seam) -> Samples:
    """*ahead* without the period of *seam*."""
    lag, likeness = seam
    joined = cross_fade(ahead[:OVERLAP], ahead[lag : lag + OVERLAP], likeness)
    return np.concatenate([joined, ahead[lag + OVERLAP :]])


def longer(past: Samples, ahead: Samples, most: int) -> Seam | None:
    """How to say a period of *past* (what was just heard), at most *most* samples, again before
    *ahead* goes on.
    """
    longest = min(MAX_PERIOD, most, len(past))
    if longest < MIN_PERIOD or len(ahead) < MATCH:
        return None
    field = np.concatenate([past[-longest:], ahead[: MATCH - MIN_PERIOD]])
    seam = find(ahead[:MATCH], field)
    return Seam(longest - seam.lag, seam.likeness)


def lengthen(past: Samples, ahead: Samples, seam: Seam) -> Samples:
    """*ahead* with the period of *seam* before it."""
    lag, likeness = seam
    again = np.concatenate([past[-lag:], ahead])
    joined = cross_fade(ahead[:OVERLAP], again[:OVERLAP], likeness)
    return np.concatenate([joined, again[OVERLAP:]])


def merge(made_up: Samples, new: Samples, first: int) -> Samples:
    """*new* after *made_up*, joined at *first* or later, where both are most alike."""
    if len(new) < OVERLAP or len(made_up) < first + OVERLAP:
        return np.concatenate([made_up[:first], new])
    lag, likeness = find(new[:OVERLAP], made_up[first:])
    at = first + lag
    joined = cross_fade(made_up[at : at + OVERLAP], new[:OVERLAP], likeness)
    return np.concatenate([made_up[:at], joined, new[OVERLAP:]])


_ZERO = np.zeros(1, np.float32)
_MEAN = np.full(COARSE, 1 / COARSE, np.float32)
_RISE = np.linspace(0.0, 1.0, OVERLAP, dtype=np.float32)
