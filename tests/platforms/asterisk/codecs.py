"""What the phones speak. A stream has an encoder or decoder of its own, since codecs remember."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.codeccontext import AudioCodecContext

from appliance.leg.codecs import opus
from appliance.platforms.sandbox.centre.sound import Pcm

OPUS_BITRATE = 32_000


class Coder(Protocol):
    """One direction of one stream, packet by packet of 20 ms."""

    def encode(self, samples: Pcm) -> bytes: ...

    def decode(self, payload: bytes) -> Pcm: ...


@dataclass(frozen=True)
class Codec:
    """An RTP payload format, 20 ms in a packet."""

    asterisk: str
    """As Asterisk names it."""
    rtpmap: str
    payload: int
    rate: int
    clock: int
    """Ticks of its RTP timestamps in a second: G.722 counts 8000 for 16,000 samples (RFC 3551)."""
    coder: Callable[[], Coder]

    def decode(self, payloads: Iterable[bytes]) -> Pcm:
        """What a new decoder makes of successive packets."""
        coder = self.coder()
        return np.concatenate([np.zeros(0, np.int16), *map(coder.decode, payloads)])


class _Linear:
    """Passes through Asterisk unchanged, so that -80 dBFS of a tone is nothing but silence."""

    def encode(self, samples: Pcm) -> bytes:
        return samples.astype(">i2").tobytes()

    def decode(self, payload: bytes) -> Pcm:
        return np.frombuffer(payload[: len(payload) // 2 * 2], ">i2").astype(np.int16)


class _Opus:
    def __init__(self) -> None:
        self._encoder = opus.Encoder(OPUS_BITRATE, complexity=5, expected_loss_percent=0)
        self._decoder = opus.Decoder()

    def encode(self, samples: Pcm) -> bytes:
        return self._encoder.encode(samples)

    def decode(self, payload: bytes) -> Pcm:
        return self._decoder.decode(payload)


class _Libav:
    """The telephone's old codecs, of FFmpeg."""

    def __init__(self, name: str, rate: int) -> None:
        self._ends = [av.CodecContext.create(name, mode) for mode in ("w", "r")]
        for end in self._ends:
            assert isinstance(end, AudioCodecContext)
            end.format, end.layout, end.sample_rate = "s16", "mono", rate
        self._rate = rate

    def encode(self, samples: Pcm) -> bytes:
        frame = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self._rate
        encoder = self._ends[0]
        assert isinstance(encoder, AudioCodecContext)
        return b"".join(bytes(packet) for packet in encoder.encode(frame))

    def decode(self, payload: bytes) -> Pcm:
        decoder = self._ends[1]
        assert isinstance(decoder, AudioCodecContext)
        frames = decoder.decode(Packet(payload))
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


LINEAR = Codec("slin16", "L16/16000", 118, 16_000, 16_000, _Linear)
OPUS = Codec("opus", "opus/48000/2", 107, 48_000, 48_000, _Opus)
G722 = Codec("g722", "G722/8000", 9, 16_000, 8_000, lambda: _Libav("g722", 16_000))
MULAW = Codec("ulaw", "PCMU/8000", 0, 8_000, 8_000, lambda: _Libav("pcm_mulaw", 8_000))
ALAW = Codec("alaw", "PCMA/8000", 8, 8_000, 8_000, lambda: _Libav("pcm_alaw", 8_000))
OF_A_SITE = {"opus": OPUS, "g722": G722, "mulaw": MULAW, "alaw": ALAW}
"""Those that phones of a real site speak, by what the test's phones are named after."""
