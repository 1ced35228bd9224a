"""G.711, both laws (ITU-T G.711; RFC 3551 sections 4.5.14 and 5): one octet a sample of 8 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.leg.codecs.opus import Samples

RATE = 8_000
BIAS = 132
"""Added to a sample's magnitude by the mu-law, so that segments double."""

Octets = NDArray[np.uint8]
Magnitudes = NDArray[np.int32]


def _mu_values() -> Samples:
    octet = ~np.arange(256, dtype=np.uint8)
    segment, step = (octet >> 4 & 7).astype(np.int32), (octet & 15).astype(np.int32)
    magnitude = ((2 * step + 33) << segment + 2) - BIAS
    return np.where(octet & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_values() -> Samples:
    octet = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = (octet >> 4 & 7).astype(np.int32), (octet & 15).astype(np.int32)
    magnitude = (2 * step + 1) << 3
    magnitude = np.where(segment > 0, (magnitude + 256) << np.maximum(segment - 1, 0), magnitude)
    return np.where(octet & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(values: Samples) -> Octets:
    """For each sample from -32768 to 32767 the octet that stands for what is nearest to it."""
    order = np.argsort(values, kind="stable")
    steps = values[order].astype(np.int32)
    between = (steps[1:] + steps[:-1] + 1) // 2
    places = np.searchsorted(between, np.arange(-32768, 32768), "right")
    return order[places].astype(np.uint8)


MU_VALUES, A_VALUES = _mu_values(), _a_values()
"""What each octet stands for, shape ``(256,)``."""


class Expander:
    """Octets to samples. *values* is one of the two tables."""

    rate = RATE
    settling = 0
    remembers = False

    def __init__(self, values: Samples) -> None:
        self._values = values

    def __call__(self, payload: bytes) -> Samples:
        """Samples of 8 kHz, one an octet."""
        return self._values[np.frombuffer(payload, np.uint8)]

    def instead(self, past: Samples, made_up: Samples) -> Expander:
        """Octets remember nothing: itself."""
        return self

    def reset(self) -> None:
        """Nothing to forget."""


class Compressor:
    """Samples to octets. *values* is one of the two tables."""

    rate = RATE

    def __init__(self, values: Samples) -> None:
        self._octets = _nearest(values)

    def __call__(self, pcm: Samples) -> bytes:
        """One octet a sample of 8 kHz."""
        return self._octets[pcm.astype(np.int32) + 32768].tobytes()

    def reset(self) -> None:
        """Nothing to forget."""
