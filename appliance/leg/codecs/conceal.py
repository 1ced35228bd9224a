"""Packet-loss concealment for codecs that have none, in the manner of ITU-T G.711 Appendix I.

The last pitch periods are said again and faded out, and faded over into what comes after. Where
the packet after the loss is here already, as a jitter buffer has it mostly, its periods are said
again backwards too, and the hole is bridged from both sides. All at 48 kHz.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.leg import stretch
from appliance.leg.codecs.opus import Samples

PAST = 2_880
"""Samples of what was heard that are kept (60 ms)."""
MATCH = 480
"""Samples that are compared to find the period."""
NOISY = 0.3
"""What resembles its own past less than this has no period."""
REPEATED = 480
"""The least that is said again of what has none (10 ms)."""
JOIN = 240
"""Samples over which what was made up gives way to what comes (5 ms)."""
FULL = 480
"""Samples made up at full level (10 ms)."""
SILENT = 3_360
"""Samples made up after which nothing is left to hear (70 ms)."""

Floats = NDArray[np.float32]


class Cycle(NamedTuple):
    """What is said again and again, and how alike its periods are."""

    wave: Floats
    likeness: float


def cycle_of(past: Samples) -> Cycle:
    """The last periods of *past*, made to join their own begin."""
    match = min(MATCH, len(past) // 3)
    longest = min(stretch.MAX_PERIOD, len(past) - match - 1)
    field = past[len(past) - match - longest : len(past) - stretch.MIN_PERIOD]
    seam = stretch.find(past[-match:], field)
    period = longest - seam.lag
    blend = period // 4
    least = REPEATED if seam.likeness < NOISY else period
    length = period * max(1, min(-(-least // period), (len(past) - blend) // period))
    wave = past[-length:].astype(np.float32)
    before = past[len(past) - length - blend : len(past) - length].astype(np.float32)
    rise = np.linspace(0, 1, len(before), dtype=np.float32)
    if len(before):
        wave[-len(before) :] += rise * (before - wave[-len(before) :])
    return Cycle(wave, seam.likeness)


def said_again(cycle: Cycle, begin: int, count: int) -> Floats:
    """*count* samples of *cycle* from *begin* on."""
    turns: Floats = cycle.wave[np.arange(begin, begin + count) % len(cycle.wave)]
    return turns


def _gain(begin: int, count: int) -> Floats:
    at = np.arange(begin, begin + count, dtype=np.float32)
    gain: Floats = np.clip((SILENT - at) / (SILENT - FULL), 0, 1)
    return gain


def _likeness(one: Samples, other: Samples) -> float:
    a, b = one.astype(np.float32), other.astype(np.float32)
    return float(np.dot(a, b) / (np.sqrt(np.dot(a, a) * np.dot(b, b)) + 1.0))


class Concealer:
    """Knows what was heard of a stream, and goes on from it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Silence before."""
        self.past: Samples = np.zeros(PAST, np.int16)
        """The last that was heard, shape ``(2880,)``."""
        self._cycle: Cycle | None = None
        self.made_up = 0
        """Samples made up since the last that were heard."""

    def go_on_as(self, other: Concealer) -> None:
        """Take over the past of *other*; no array is ever changed in place."""
        self.past, self._cycle, self.made_up = other.past, other._cycle, other.made_up

    def heard(self, audio: Samples) -> Samples:
        """*audio* as it comes after what was made up, if anything was."""
        if self.made_up and len(audio) >= JOIN:
            old = self.conceal(JOIN)
            joined = stretch.cross_fade(old, audio[:JOIN], 1.0)
            audio = np.concatenate([joined, audio[JOIN:]])
        self.keep(audio)
        return audio

    def conceal(self, samples: int) -> Samples:
        """*samples* that go on from what was heard."""
        made = self.repeated(self.made_up, samples)
        self.made_up += samples
        return made

    def repeated(self, begin: int, samples: int) -> Samples:
        """The past said again and faded out, from *begin* after its end on."""
        if self._cycle is None:
            self._cycle = cycle_of(self.past)
        return _to_samples(said_again(self._cycle, begin, samples) * _gain(begin, samples))

    def bridge(self, samples: int, future: Samples) -> Samples:
        """*samples* that lead from what was heard or made up to *future*; nothing is kept yet."""
        forward = self.repeated(self.made_up, samples)
        after = said_again(cycle_of(future[::-1]), 0, samples) * _gain(0, samples)
        backward = _to_samples(after[::-1])
        return stretch.cross_fade(forward, backward, _likeness(forward, backward))

    def keep(self, audio: Samples) -> None:
        """*audio* was heard as it is."""
        self.past = np.concatenate([self.past, audio])[-PAST:]
        self._cycle, self.made_up = None, 0


def _to_samples(wave: Floats) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
