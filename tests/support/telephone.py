"""Sound of a telephone's codecs, as senders packet it."""

from __future__ import annotations

import numpy as np

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import FRAME, Encoder, Samples
from appliance.leg.codecs.table import OPUS, telephone_encoders


def voice(count: int, hertz: float = 120.0) -> Samples:
    """A buzz with harmonics up to 3 kHz, like a vowel, at about -12 dBFS."""
    time = np.arange(count) / 48_000
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 25))
    return (np.asarray(wave) * 5_000).astype(np.int16)


def tone(count: int, hertz: float = 440.0) -> Samples:
    time = np.arange(count) / 48_000
    return (np.sin(2 * np.pi * hertz * time) * 11_600).astype(np.int16)


def packets(codec: Codec, sound: Samples, octets: int = 160) -> list[bytes]:
    """Payloads of 20 ms each, or for a telephone's codec of so many octets."""
    encoder = Encoder(40_000, 5, 5) if codec is OPUS else telephone_encoders()[codec]
    frames = [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]
    payloads = [encoder.encode(frame) for frame in frames]
    if codec is OPUS:
        return payloads
    stream = b"".join(payloads)
    return [stream[at : at + octets] for at in range(0, len(stream) - octets + 1, octets)]


def steepest(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(np.int32))).max())
