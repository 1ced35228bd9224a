"""What the phones speak: linear 16 kHz, and G.711 mu-law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from appliance.platforms.sandbox.centre.sound import Pcm

BIAS, CLIP = 132, 32635


@dataclass(frozen=True)
class Codec:
    """An RTP payload format, 20 ms in a packet."""

    name: str
    payload: int
    rate: int
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]

    @property
    def samples(self) -> int:
        return self.rate // 50


def _to_mulaw(samples: Pcm) -> bytes:
    """ITU-T G.711: sign, exponent and mantissa, inverted."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), CLIP) + BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    code: bytes = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8).tobytes()
    return code


def _from_mulaw(data: bytes) -> Pcm:
    code = ~np.frombuffer(data, np.uint8).astype(np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + BIAS << (code >> 4 & 7)) - BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _to_linear(samples: Pcm) -> bytes:
    return samples.astype(">i2").tobytes()


def _from_linear(data: bytes) -> Pcm:
    return np.frombuffer(data[: len(data) // 2 * 2], ">i2").astype(np.int16)


LINEAR = Codec("L16", 118, 16_000, _to_linear, _from_linear)
MULAW = Codec("PCMU", 0, 8_000, _to_mulaw, _from_mulaw)
