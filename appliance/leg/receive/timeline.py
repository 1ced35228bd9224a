"""The stream as one line of samples: packets decoded in their order, holes filled.

What is lost comes from the in-band copy in the packet after (RFC 6716 section 2.1.7), else from
libopus's concealment; a DTX sender's pause is the decoder's comfort noise. What is only late is
not made up here: the decoder must not hear of a loss that is none, or the packet would sound
wrong when it comes. A second decoder, with the first one's past, goes on in the meantime.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.leg.codecs.opus import FRAME, OpusError, Samples
from appliance.leg.codecs.stream import StreamDecoder
from appliance.leg.receive.store import Packet, PacketStore

UNIT = 480
"""Samples made up at a time (10 ms): SILK's concealment knows no less."""


@dataclass(slots=True)
class JitterStats:
    """Counts since the start of the stream; times in samples at 48 kHz."""

    received: int = 0
    lost: int = 0
    """Packets that were not there when their time came."""
    late: int = 0
    malformed: int = 0
    unknown: int = 0
    """Of a payload type that was not agreed on."""
    concealed: int = 0
    """Recovered from a copy, concealed, or made up while a packet was awaited."""
    recovered: int = 0
    """The part of it that came from a copy."""
    stretched: int = 0
    """Left out or said twice."""
    dropped: int = 0
    jitter: float = 0.0


class Timeline:
    """Decoded audio in the order of its time. `position` is where the next sample belongs."""

    def __init__(self, stats: JitterStats) -> None:
        self.store = PacketStore()
        self.position = 0
        self.paused_from: int | None = None
        """Where the sender began to pause (DTX), so that nothing need come."""
        self._stats = stats
        self._decoder = StreamDecoder()
        self._shadow = StreamDecoder()
        self._waiting = False
        self._counted = 0

    def ready(self) -> bool:
        """Whether the next samples are in a packet that is here."""
        first = self.store.first()
        return first is not None and first <= self.position

    def hole(self) -> int:
        """Samples missing before the oldest packet that is here; 0 where none is."""
        first = self.store.first()
        return 0 if first is None else max(0, first - self.position)

    def waiting(self) -> int:
        """Samples between the play position and the end of the newest packet that is here."""
        return max(0, self.store.end - self.position) if len(self.store) else 0

    def next(self) -> Samples | None:
        """The next samples, more or fewer; None when only waiting helps."""
        first = self.store.first()
        if first is None:
            return self._pause() if self.paused_from is not None else None
        if first <= self.position:
            return self._decode(first)
        if self.paused_from is not None:
            return self._pause()
        return self._fill(first)

    def _decode(self, first: int) -> Samples | None:
        packet = self.store.take(first)
        heard = self.position - first
        if heard >= packet.samples:
            self._stats.late += 1
            return self.next()
        self._waiting = False
        try:
            audio = self._decoder.decode(packet.payload, packet.codec)
        except OpusError:
            self._stats.malformed += 1
            audio = self._conceal(FRAME)
        self.position = first + len(audio)
        self.paused_from = self.position if packet.codec.pauses(packet.payload) else None
        return audio[heard:]

    def _pause(self) -> Samples:
        hole = self.hole()
        if 0 < hole < UNIT:
            # Too short for the decoder, too short to be heard.
            self.position += hole
            return self._decoder.conceal(UNIT)[:hole]
        self.position += UNIT
        return self._decoder.conceal(UNIT)

    def _fill(self, first: int) -> Samples:
        following = self.store.peek(first)
        hole = first - self.position
        self._waiting = False
        self._count(first)
        if hole > max(FRAME, following.samples):
            self.position += UNIT
            return self._conceal(UNIT)
        self.position = first
        return self._recover(following, hole)

    def _count(self, first: int) -> None:
        """Count the packets that are missing before *first*, once."""
        since = max(self.position, self._counted)
        if since < first:
            length = self.store.peek(first).samples
            self._stats.lost += max(1, (first - since + length // 2) // length)
            self._counted = first

    def _recover(self, following: Packet, hole: int) -> Samples:
        try:
            audio = self._decoder.recover(following.payload, following.codec, hole)
        except OpusError:
            return self._conceal(hole)
        self._stats.concealed += hole
        if following.codec.copies:
            self._stats.recovered += hole
        return audio

    def _conceal(self, samples: int) -> Samples:
        self._stats.concealed += samples
        return self._decoder.conceal(samples)

    def wait(self) -> Samples:
        """10 ms that go on without taking time from the line: what comes is not lost yet."""
        if not self._waiting:
            self._shadow.go_on_as(self._decoder)
            self._waiting = True
        return self._shadow.conceal(UNIT)

    def adopt(self, samples: int) -> bool:
        """Let the last *samples* of `wait` count as concealment, where so much is lost at least
        before what the next packet's copy holds.
        """
        first = self.store.first()
        if not self._waiting or first is None:
            return False
        if first - self.store.peek(first).samples < self.position + samples:
            return False
        self._count(first)
        self._decoder.go_on_as(self._shadow)
        self._waiting = False
        self.position += samples
        return True

    def skip(self, samples: int) -> None:
        """Leave out what comes next."""
        first = self.store.first()
        if first is not None and self.paused_from is None:
            self._count(first)
        self.position += samples

    def reset(self) -> None:
        """Another sender: nothing of the old one is left but what `wait` goes on with."""
        self.wait()
        self.store = PacketStore()
        self._decoder.reset()
        self._counted = 0
        self.paused_from = None
