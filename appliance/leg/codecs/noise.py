"""Comfort noise (RFC 3389): what is heard while a sender of a telephone's codec is silent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.codecs.resample import Upsampler

RATE = 8_000
FIRST = 480
"""Samples at 48 kHz that a packet lasts by itself (10 ms); more of it is concealment."""
MAX_ORDER = 12
"""Reflection coefficients that are heard: RFC 3389 leaves it to the receiver how many."""
RESPONSE = 128
"""Samples (16 ms) after which the filter's impulse response is over."""
FULL_SCALE = 32_768 / 2**0.5
"""Of 0 dBov: the RMS of a sine as loud as can be."""
STABLE = 0.97

Floats = NDArray[np.float64]


def impulse_response(reflections: Floats) -> Floats:
    """Of the all-pole filter with these reflection coefficients, shape ``(128,)``, of unit energy
    (step-up recursion: Markel and Gray, "Linear Prediction of Speech", 1976).
    """
    poles = np.array([1.0])
    for k in reflections:
        longer = np.append(poles, 0.0)
        poles = longer + k * longer[::-1]
    response = np.zeros(RESPONSE)
    response[0] = 1.0
    for at in range(1, RESPONSE):
        past = response[max(0, at - len(poles) + 1) : at][::-1]
        response[at] = -np.dot(poles[1 : 1 + len(past)], past)
    unit: Floats = response / np.sqrt(np.dot(response, response))
    return unit


class ComfortNoise:
    """Implements `appliance.leg.codecs.base.Decoder`."""

    def __init__(self) -> None:
        self._noise = np.random.default_rng()
        self._rise = Upsampler(RATE)
        self._shape = np.zeros(RESPONSE)
        self._tail = np.zeros(RESPONSE - 1)

    def decode(self, payload: bytes) -> Samples:
        """10 ms of the noise that *payload* describes; then `conceal` goes on with it."""
        level = payload[0] & 0x7F
        octets = np.frombuffer(payload, np.uint8)[1 : 1 + MAX_ORDER].astype(np.float64)
        reflections = np.clip(258 * (octets - 127) / 32_768, -STABLE, STABLE)
        self._shape = impulse_response(reflections) * (FULL_SCALE * 10 ** (-level / 20))
        return self.conceal(FIRST)

    def recover(self, following: bytes, samples: int) -> Samples:
        """Noise has no place in time: as `conceal`."""
        return self.conceal(samples)

    def conceal(self, samples: int) -> Samples:
        """More of the same noise."""
        count = samples * RATE // SAMPLE_RATE
        white = np.concatenate([self._tail, self._noise.standard_normal(count)])
        self._tail = white[count:]
        noise = np.convolve(white, self._shape, "valid")
        return self._rise(np.clip(noise, -32768, 32767).astype(np.int16))

    def go_on_as(self, other: ComfortNoise) -> None:
        """Take over the noise of *other*."""
        self._shape, self._tail = other._shape, other._tail
        self._rise.go_on_as(other._rise)

    def reset(self) -> None:
        """Silence."""
        self._shape = np.zeros(RESPONSE)
        self._tail = np.zeros(RESPONSE - 1)
        self._rise.reset()
