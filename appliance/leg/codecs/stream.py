"""The decoder of a whole stream, which may change its codec in mid-call (RFC 3551 section 2)."""

from __future__ import annotations

import numpy as np

from appliance.leg import stretch
from appliance.leg.codecs.base import CONCEALABLE, Codec, Decoder
from appliance.leg.codecs.opus import Samples
from appliance.leg.codecs.table import OPUS

JOIN = stretch.OVERLAP
"""Samples over which one codec's sound gives way to another's."""


class StreamDecoder:
    """A decoder of each codec that comes; each packet is decoded by its own."""

    def __init__(self) -> None:
        self._decoders: dict[Codec, Decoder] = {}
        self._codec = OPUS
        self._fresh = True
        """Nothing was heard yet, which a change of codec would have to join."""

    @property
    def _decoder(self) -> Decoder:
        if self._codec not in self._decoders:
            self._decoders[self._codec] = self._codec.decoder()
        return self._decoders[self._codec]

    def decode(self, payload: bytes, codec: Codec) -> Samples:
        """The sound of one packet; raises `OpusError` for a malformed one."""
        if codec is self._codec:
            audio = self._decoder.decode(payload)
        else:
            audio = self._change(payload, codec)
        self._fresh = False
        return audio

    def _change(self, payload: bytes, codec: Codec) -> Samples:
        before = None if self._fresh else self._decoder.conceal(JOIN)
        self._codec = codec
        self._decoder.reset()
        audio = self._decoder.decode(payload)
        if before is None or len(audio) < JOIN:
            return audio
        joined = stretch.cross_fade(before, audio[:JOIN], 0.0)
        return np.concatenate([joined, audio[JOIN:]])

    def recover(self, following: bytes, codec: Codec, samples: int) -> Samples:
        """The *samples* before the packet *following*, which will be decoded next. Raises
        `OpusError` for a malformed one.
        """
        if codec is not self._codec:
            return self.conceal(samples)
        return self._decoder.recover(following, samples)

    def conceal(self, samples: int) -> Samples:
        """*samples* that go on from what was heard."""
        whole = -(-samples // CONCEALABLE) * CONCEALABLE
        return self._decoder.conceal(whole)[:samples]

    def go_on_as(self, other: StreamDecoder) -> None:
        """Take over the past of *other*, which is then the only one of the two to decode."""
        self._codec, self._fresh = other._codec, other._fresh
        self._decoder.go_on_as(other._decoder)

    def reset(self) -> None:
        """Forget all past sound."""
        self._decoder.reset()
        self._fresh = True
