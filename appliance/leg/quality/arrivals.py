"""What a line's sequence numbers tell of the network: what was lost, and what was never sent.

The jitter buffer goes by timestamps and cannot know the two apart: both are a hole. Sequence
numbers go on without a gap over a pause of the sender (hold, DTX) and have one where packets are
lost (RFC 3550 appendix A.1 and A.3).
"""

from __future__ import annotations

from appliance.leg.codecs.opus import SAMPLE_RATE

MAX_DROPOUT = 3_000
MAX_MISORDER = 100
"""Sequence numbers further ahead or behind are another stream's (RFC 3550 appendix A.1)."""
PAUSE = 480
"""Samples (10 ms) that a timestamp goes on too far, to be a pause."""


class Arrivals:
    """Counts of one line since its start. `add` every packet, on the loop."""

    def __init__(self) -> None:
        self.expected = 0
        """Packets that were sent, as far as we can tell."""
        self.received = 0
        self.bursts = 0
        """Gaps, of one packet or more."""
        self.paused = 0
        """Samples at 48 kHz for which nothing was sent, and no packet said so beforehand."""
        self.began: float | None = None
        """When the first packet came, monotonic."""
        self.packet = 0
        """Samples of the last packet."""
        self.codec = "OPUS"
        """Of the last packet, as named in session descriptions, in upper case."""
        self._ssrc: int | None = None
        self._highest = 0
        self._stray: int | None = None
        self._end = 0
        self._last = 0.0
        self._announced = False

    @property
    def lost(self) -> int:
        """Packets that have not come. Falls again when one comes late."""
        return max(0, self.expected - self.received)

    def add(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        samples: int,
        now: float,
        *,
        pauses: bool = False,
        codec: str = "OPUS",
    ) -> None:
        """Count a packet: RTP's *sequence* and *timestamp* (at 48 kHz), its length in *samples*,
        and when it came (monotonic, s). One that *pauses* says that no more need come for now.
        """
        if self.began is None:
            self.began = now
        ahead = (sequence - self._highest) & 0xFFFF
        if ssrc != self._ssrc:
            self._begin(sequence, now)
        elif 0 < ahead < MAX_DROPOUT:
            self._go_on(ahead, timestamp)
        elif ahead == 0 or ahead > 0x10000 - MAX_MISORDER:
            self.received += ahead != 0  # else it is a copy of the newest
            return
        elif sequence != self._stray:
            self._stray = (sequence + 1) & 0xFFFF
            return
        else:
            self._begin(sequence, now)
        self._ssrc, self._highest, self._stray, self._last = ssrc, sequence, None, now
        self.packet, self._end = samples, timestamp + samples
        self._announced, self.codec = pauses, codec

    def _begin(self, sequence: int, now: float) -> None:
        """Another stream: nobody can tell what was lost before it, or sent."""
        if self._ssrc is not None and not self._announced:
            self.paused += max(0, int((now - self._last) * SAMPLE_RATE) - self.packet)
        self.expected += 1
        self.received += 1

    def _go_on(self, ahead: int, timestamp: int) -> None:
        self.expected += ahead
        self.received += 1
        self.bursts += ahead > 1
        pause = (timestamp - self._end) & 0xFFFFFFFF
        if ahead == 1 and PAUSE <= pause < 1 << 31 and not self._announced:
            self.paused += pause
