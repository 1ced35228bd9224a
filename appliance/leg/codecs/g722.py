"""G.722 at 64 kbit/s (ITU-T G.722; RFC 3551 section 4.5.2) by FFmpeg's codec: two samples of
16 kHz an octet, while the RTP clock counts 8000 a second. Both ends remember: it is ADPCM.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from appliance.leg.codecs.opus import Samples
from appliance.leg.codecs.resample import Downsampler

RATE = 16_000
FRAME = 320
"""Samples of the frames that FFmpeg's encoder takes at once (20 ms)."""
LATE = 54
"""Samples by which sound is later here than in the codec's bands: 22 of its own filters
(G.722 section 1.2), and 16 each way between 16 and 48 kHz."""
RECALLED = 15
"""Packets after which a decoder that began from nothing is as good as one that did not."""
LONGEST = 4_800
"""Samples at 48 kHz (100 ms) after which a decoder may as well begin from nothing."""


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = av.CodecContext.create("g722", mode)
    assert isinstance(context, AudioCodecContext)
    context.format = av.AudioFormat("s16")
    context.layout = av.AudioLayout("mono")
    context.sample_rate = RATE
    return context


class Expander:
    """Octets to samples. An empty payload must not come here: it would end FFmpeg's decoder."""

    rate = RATE
    settling = 60
    """By PESQ: its memory is not quite right for longer, but this is what is heard of it."""
    remembers = True

    def __init__(self) -> None:
        self.reset()

    def __call__(self, payload: bytes) -> Samples:
        """Samples of 16 kHz, two an octet."""
        self._recent.append(payload)
        frames = self._context.decode(av.Packet(payload))
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])

    def instead(self, past: Samples, made_up: Samples) -> Expander:
        """What was heard is encoded again, and its octets stand for those that were lost, in the
        manner of ITU-T G.722 Appendix III. FFmpeg's decoder cannot be copied: a new one hears
        again what this one heard last.
        """
        other = Expander()
        if len(made_up) > LONGEST:
            return other
        for payload in self._recent:
            other(payload)
        lost = (len(made_up) // 3 - LATE) // 2
        if lost > 0:  # of a shorter hole no octet is missing
            low = Downsampler(RATE)(np.concatenate([past, made_up]))[LATE:]
            octets = Compressor()(low[len(low) % FRAME :])
            other(octets[len(octets) - lost :])
        return other

    def reset(self) -> None:
        """Forget all past audio."""
        self._context = _context("r")
        self._recent: deque[bytes] = deque(maxlen=RECALLED)


class Compressor:
    """Samples to octets."""

    rate = RATE

    def __init__(self) -> None:
        self.reset()

    def __call__(self, pcm: Samples) -> bytes:
        """Half as many octets as samples of 16 kHz, which are a multiple of `FRAME`."""
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        return b"".join(bytes(packet) for packet in self._context.encode(frame))

    def reset(self) -> None:
        """Forget all past audio."""
        self._context = _context("w")
