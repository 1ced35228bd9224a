"""One stream of the call on its way into the ear: blocks in, any number of samples out."""

from __future__ import annotations

import numpy as np

from appliance.leg.codecs.opus import Samples
from appliance.leg.ear.levelling import Levelling, Mono
from appliance.leg.ear.limiter import Sound
from appliance.leg.ear.placement import Gains
from appliance.leg.ear.ramp import Ramp
from appliance.leg.receive.jitter import JitterBuffer


class Voice:
    """Belongs to the playback thread, but for `leave`; it comes and goes by a ramp."""

    def __init__(self, stream: JitterBuffer, levelling: Levelling | None, gains: Gains) -> None:
        self.stream = stream
        self.power = 0.0
        """Mean square of the block of last, as it came, in the scale of 16 bits."""
        self._levelling = levelling
        self._fade = Ramp(0.0, 1.0)
        self._left, self._right = map(Ramp, gains)
        self._rest: Mono = np.zeros(0, np.float32)

    def sit(self, gains: Gains) -> None:
        """Move there; any thread."""
        self._left.target, self._right.target = gains

    def leave(self) -> None:
        """Fade out; any thread."""
        self._fade.target = 0.0

    def stay(self) -> None:
        """Fade in again; any thread."""
        self._fade.target = 1.0

    @property
    def leaving(self) -> bool:
        """Whether it was told to leave."""
        return self._fade.target == 0.0

    @property
    def gone(self) -> bool:
        """Whether it is not heard any more."""
        return self.leaving and self._fade.steady

    def mix_into(self, mixed: Sound, gain: float | Mono) -> None:
        """Add the next samples, each times *gain*, to all channels: the first of two is the left
        one. A single one gets the mix of both, which is as loud as either ear was in the middle.
        """
        mono = self.take(len(mixed)) * gain
        left, right = self._left.take(len(mono)), self._right.take(len(mono))
        if mixed.shape[1] == 1:
            mixed[:, 0] += mono
            return
        if isinstance(left, float) and isinstance(right, float) and left == right:
            mixed += (mono if left == 1.0 else mono * left)[:, np.newaxis]
            return
        mixed[:, 0::2] += (mono * left)[:, np.newaxis]
        mixed[:, 1::2] += (mono * right)[:, np.newaxis]

    def take(self, frames: int) -> Mono:
        """The next *frames* samples."""
        have = len(self._rest)
        parts = [self._rest] if have or not frames else []
        while have < frames:
            block = self._next()
            parts.append(block)
            have += len(block)
        sound = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._rest = sound[frames:]
        fade = self._fade.take(frames)
        return sound[:frames] if isinstance(fade, float) and fade == 1.0 else sound[:frames] * fade

    def _next(self) -> Mono:
        block = as_float(self.stream.pop())
        self.power = float(block @ block) / len(block)
        return self._levelling.process(block, self.power) if self._levelling else block


def as_float(samples: Samples) -> Mono:
    """Exact: a float of 32 bits holds every sample of 16."""
    return samples.astype(np.float32)
