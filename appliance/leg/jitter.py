"""The downlink's jitter buffer: packets in from the loop, 10 ms blocks out to the playback thread.

Playout delay follows what the network does: it grows when packets come late (concealment does
not advance the play position then) and shrinks by dropping a quiet or cross-faded 10 ms at a
time once there is more in store than the recent lateness asks for. Losses are recovered from
the packet after (RFC 6716 section 2.1.7) or concealed by libopus.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from appliance.leg.opus import FRAME, Decoder, OpusError, Samples, packet_samples

BLOCK = 480
"""Samples of one block (10 ms)."""
MAX_PACKETS = 100
"""Packets kept; the oldest is dropped, which bounds the delay at 2 s whatever happens."""
JUMP = 48_000 * 2
"""A timestamp further off than this many samples begins a new stream."""
MIN_TARGET = 1_440
"""The least playout delay in samples (30 ms); less underran on a noisy machine."""
MAX_TARGET = 9_600
CONCEALABLE = 120
"""Samples (2.5 ms): libopus conceals multiples of it only. A sender that goes on with other
timestamps, such as after a transfer, leaves holes of any length."""
FADE_AFTER = 4_800
"""Concealed samples in a row (100 ms) after which the concealment fades to silence."""


@dataclass(slots=True)
class JitterStats:
    """Counts since the start of the stream; times in samples at 48 kHz."""

    received: int = 0
    lost: int = 0
    late: int = 0
    malformed: int = 0
    concealed: int = 0
    dropped: int = 0
    jitter: float = 0.0


class JitterBuffer:
    """`put` on the loop, `pop` in the playback thread; a lock between them, held briefly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder = Decoder()
        self.stats = JitterStats()
        self._restart(None)

    def _restart(self, ssrc: int | None) -> None:
        self._ssrc = ssrc
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        self._newest = 0
        self._playing = False
        self._pcm: Samples = np.zeros(0, np.int16)
        self._concealed_in_a_row = 0
        self._held = 0
        self._lateness: deque[int] = deque(maxlen=250)
        self._transit: int | None = None
        self._target = MIN_TARGET + FRAME
        self._decoder.reset()

    def put(self, ssrc: int, timestamp: int, payload: bytes, arrival_s: float) -> None:
        """Take one packet; *timestamp* is RTP's (32 bit, 48 kHz), *arrival_s* monotonic."""
        samples = packet_samples(payload)
        with self._lock:
            if not samples:
                self.stats.malformed += 1
                return
            if ssrc != self._ssrc:
                self._restart(ssrc)
            self.stats.received += 1
            unwrapped = self._unwrap(timestamp)
            if self._next is not None and abs(unwrapped - self._next) > JUMP:
                self._restart(ssrc)
                unwrapped = self._unwrap(timestamp)
            self._measure(unwrapped, arrival_s)
            if self._next is not None and self._playing and unwrapped < self._next:
                self.stats.late += 1
                return
            if self._next is None or (not self._playing and unwrapped < self._next):
                self._next = unwrapped
            self._packets[unwrapped] = payload
            self._newest = max(self._newest, unwrapped + samples)
            if len(self._packets) > MAX_PACKETS:
                del self._packets[min(self._packets)]
                self.stats.dropped += 1

    def _unwrap(self, timestamp: int) -> int:
        if self._next is None:
            self._newest = timestamp + (1 << 32)
            return self._newest
        delta = (timestamp - self._newest) & 0xFFFFFFFF
        return self._newest + (delta - (1 << 32) if delta >= 1 << 31 else delta)

    def _measure(self, timestamp: int, arrival_s: float) -> None:
        """Lateness against the quickest of the last 250 packets, and RFC 3550's jitter."""
        transit = int(arrival_s * 48_000) - timestamp
        if self._transit is not None:
            self.stats.jitter += (abs(transit - self._transit) - self.stats.jitter) / 16
        self._transit = transit
        self._lateness.append(transit)
        spread = sorted(self._lateness)
        late = spread[int(len(spread) * 0.97)] - spread[0]
        self._target = min(MAX_TARGET, max(MIN_TARGET, late) + FRAME)

    def pop(self) -> Samples:
        """The next 10 ms, shape ``(480,)``; silence when there is no stream."""
        with self._lock:
            if not self._playing:
                if self._next is None or self._newest - self._next < self._target:
                    return np.zeros(BLOCK, np.int16)
                self._playing = True
            while len(self._pcm) < BLOCK:
                self._pcm = np.concatenate([self._pcm, self._decode_next()])
            self._shrink()
            block, self._pcm = self._pcm[:BLOCK], self._pcm[BLOCK:]
            return block

    def _decode_next(self) -> Samples:
        assert self._next is not None
        payload = self._packets.pop(self._next, None)
        if payload is not None:
            try:
                audio = self._decoder.decode(payload)
            except OpusError:
                self.stats.malformed += 1
                audio = self._conceal(FRAME)
            else:
                self._concealed_in_a_row = self._held = 0
            self._next += len(audio)
            return audio
        if self._packets:
            return self._bridge(min(self._packets))
        # Nothing newer is here: the packet is late or the line is dead. The play position
        # stays, so a late packet is still heard and the delay grows by what it was late.
        self._held += BLOCK
        return self._conceal(BLOCK)

    def _bridge(self, following: int) -> Samples:
        """Fill a hole before a packet that is here already."""
        assert self._next is not None
        # What was concealed while waiting need not be concealed again.
        skipped = min(self._held, max(0, following - self._next))
        self._next += skipped
        self._held = 0
        hole = following - self._next
        if hole <= 0:
            self._next = following
            return np.zeros(0, np.int16)
        self.stats.lost += 1
        if hole <= FRAME:
            self._next = following
            try:
                audio = self._decoder.recover(self._packets[following], hole)
            except OpusError:
                whole = hole // CONCEALABLE * CONCEALABLE
                return self._conceal(whole) if whole else np.zeros(0, np.int16)
            self.stats.concealed += len(audio)
            return audio
        self._next += FRAME
        return self._conceal(FRAME)

    def _conceal(self, samples: int) -> Samples:
        self.stats.concealed += samples
        self._concealed_in_a_row += samples
        if self._concealed_in_a_row > FADE_AFTER:
            return np.zeros(samples, np.int16)
        return self._decoder.conceal(samples)

    def _shrink(self) -> None:
        """Play one block less when there is clearly more in store than needed."""
        excess = self._stored() - self._target
        if excess < FRAME + BLOCK:
            return
        if len(self._pcm) < 2 * BLOCK:
            self._pcm = np.concatenate([self._pcm, self._decode_next()])
        if len(self._pcm) < 2 * BLOCK:
            return
        first, second = self._pcm[:BLOCK], self._pcm[BLOCK : 2 * BLOCK]
        faded = (first * _FADE_OUT + second * _FADE_IN).astype(np.int16)
        self._pcm = np.concatenate([faded, self._pcm[2 * BLOCK :]])
        self.stats.dropped += 1

    def _stored(self) -> int:
        assert self._next is not None
        return self._newest - self._next + len(self._pcm)

    @property
    def delay_ms(self) -> float:
        """How much audio waits to be played, in ms."""
        with self._lock:
            return 0.0 if self._next is None else max(0, self._stored()) / 48


_FADE_IN = np.linspace(0.0, 1.0, BLOCK, dtype=np.float32)
_FADE_OUT = 1.0 - _FADE_IN
