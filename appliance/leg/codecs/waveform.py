"""The telephone's codecs: samples at a lower rate, and no concealment of their own."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from appliance.leg.codecs.conceal import Concealer
from appliance.leg.codecs.opus import Samples
from appliance.leg.codecs.resample import Downsampler, Upsampler

MAX_PAYLOAD = 960
"""Octets of the longest packet that is played (120 ms)."""
AHEAD = 162
"""Samples by which the filters on the way to a codec that remembers are late."""
LONGEST = 4_800
"""Samples (100 ms) after which nothing is left that could lead anywhere."""
SHORTEST = 360
"""Samples that a packet must last at least to tell what came before it (7.5 ms)."""
OCTET = 6
"""Samples at 48 kHz that an octet lasts, in G.711 as in G.722."""


def octets_last(payload: bytes) -> int:
    """Samples at 48 kHz that *payload* lasts; 0 for one that no telephone sends."""
    return len(payload) * OCTET if len(payload) <= MAX_PAYLOAD else 0


class Expander(Protocol):
    """Octets to samples of `rate` Hz."""

    rate: int
    settling: int
    """Samples at 48 kHz that are not right after a loss."""
    remembers: bool
    """Whether what comes after a loss sounds wrong unless the codec is told what came instead."""

    def __call__(self, payload: bytes) -> Samples:
        """The samples of one payload, which is not empty."""

    def instead(self, past: Samples, made_up: Samples) -> Expander:
        """One that remembers what this one does, and then *made_up* after *past*, both at 48 kHz,
        as if packets had brought it. The last `AHEAD` samples of *made_up* come after those.
        """

    def reset(self) -> None:
        """Forget all past sound."""


class Compressor(Protocol):
    """Samples of `rate` Hz to octets."""

    rate: int

    def __call__(self, pcm: Samples) -> bytes:
        """The octets of 20 ms."""

    def reset(self) -> None:
        """Forget all past sound."""


class WaveformDecoder:
    """Implements `appliance.leg.codecs.base.Decoder`."""

    def __init__(self, expander: Expander) -> None:
        self._expander = expander
        self._rise = Upsampler(expander.rate)
        self._concealer = Concealer()
        self._ahead: tuple[bytes, Samples] | None = None

    def decode(self, payload: bytes) -> Samples:
        """The sound of a packet of any length but none."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] is payload:
            return self._concealer.heard(ahead[1])
        lost = self._concealer.made_up
        if not lost:
            return self._concealer.heard(self._rise(self._expander(payload)))
        made_up = self._concealer.repeated(0, lost + AHEAD)
        self._expander = self._expander.instead(self._concealer.past, made_up)
        return self._concealer.heard(self._begin_with(self._expander(payload)))

    def _begin_with(self, pcm: Samples) -> Samples:
        """*pcm* without a past: nothing is right before `Upsampler.delay`."""
        self._rise.begin_with(pcm)
        return self._rise(pcm)

    def recover(self, following: bytes, samples: int) -> Samples:
        """A bridge between what was heard and the packet *following*."""
        wrong = self._rise.delay + self._expander.settling
        lost = self._concealer.made_up
        if len(following) * OCTET < wrong + SHORTEST or lost + samples > LONGEST:
            return self._concealer.conceal(samples)
        made_up = self._concealer.repeated(0, lost + samples + AHEAD)
        # The packet after tells what was lost, and what was lost, how the packet after sounds.
        for _ in range(1 + self._expander.remembers):
            expander = self._expander.instead(self._concealer.past, made_up)
            future = self._begin_with(expander(following))
            bridge = self._concealer.bridge(samples + wrong, future[wrong:])
            whole = np.concatenate([bridge, future[wrong:]])
            made_up = np.concatenate([made_up[:lost], whole])[: lost + samples + AHEAD]
        self._expander = expander
        self._concealer.keep(made_up[:lost])
        self._concealer.keep(whole[:samples])
        self._ahead = following, whole[samples:]
        return whole[:samples]

    def conceal(self, samples: int) -> Samples:
        """The last periods again, and in 70 ms silence."""
        return self._concealer.conceal(samples)

    def go_on_as(self, other: WaveformDecoder) -> None:
        """Take over the past of *other*, with which the memory of the codec itself is shared: only
        one of the two may decode.
        """
        self._expander, self._ahead = other._expander, other._ahead
        self._rise.go_on_as(other._rise)
        self._concealer.go_on_as(other._concealer)

    def reset(self) -> None:
        """Forget all past sound."""
        self._ahead = None
        self._expander.reset()
        self._rise.reset()
        self._concealer.reset()


class WaveformEncoder:
    """Implements `appliance.leg.codecs.base.Encoder`."""

    def __init__(self, compressor: Compressor) -> None:
        self._compressor = compressor
        self._fall = Downsampler(compressor.rate)

    def encode(self, frame: Samples) -> bytes:
        """160 octets of *frame*, shape ``(960,)``."""
        return self._compressor(self._fall(frame))

    def reset(self) -> None:
        """Forget all past sound."""
        self._compressor.reset()
        self._fall.reset()
