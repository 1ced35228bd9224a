"""Packets that wait to be decoded, by unwrapped RTP timestamp."""

from __future__ import annotations

from typing import NamedTuple

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.table import OPUS

MAX_PACKETS = 100
"""Packets kept; the oldest is dropped, which bounds the delay at 2 s whatever happens."""
JUMP = 48_000 * 2
"""A timestamp further off than this many samples begins a new time-line."""


class Packet(NamedTuple):
    """An RTP packet; times in samples at 48 kHz."""

    ssrc: int
    timestamp: int
    payload: bytes
    samples: int
    arrival: int
    codec: Codec = OPUS
    number: int | None = None
    """RTP's sequence number (16 bit), where it is known."""


class PacketStore:
    """One stream's packets in the order of their time."""

    def __init__(self) -> None:
        self._packets: dict[int, Packet] = {}
        self._reference: int | None = None
        self._arrival = 0
        self._stray: int | None = None
        self.end = 0
        """Where the newest packet ends."""

    def __len__(self) -> int:
        return len(self._packets)

    def unwrap(self, timestamp: int, arrival: int) -> int | None:
        """The 32-bit *timestamp* in 64 bits. None for one far off that the *arrival* does not
        explain, until a second one agrees: a single stray must not cost the stream (RFC 3550
        appendix A.1).
        """
        since, self._arrival = arrival - self._arrival, arrival
        if self._reference is None:
            self._reference = timestamp + (1 << 32)
            return self._reference
        near = self._near(self._reference, timestamp)
        if abs(near - self._reference) > JUMP and abs(near - self._reference - since) > JUMP:
            agreed = self._stray is not None and (
                0 < abs(self._near(self._stray, timestamp) - self._stray) < JUMP
            )
            self._stray = timestamp
            if not agreed:
                return None
        self._stray = None
        self._reference = near
        return near

    @staticmethod
    def _near(reference: int, timestamp: int) -> int:
        delta = (timestamp - reference) & 0xFFFFFFFF
        return reference + (delta - (1 << 32) if delta >= 1 << 31 else delta)

    def add(self, at: int, packet: Packet) -> bool:
        """Keep *packet* for *at*, unless that place is taken (a duplicate). Whether the oldest
        was dropped for it.
        """
        self.end = max(self.end, at + packet.samples) if self._packets else at + packet.samples
        self._packets.setdefault(at, packet)
        if len(self._packets) <= MAX_PACKETS:
            return False
        del self._packets[min(self._packets)]
        return True

    def first(self) -> int | None:
        """Where the oldest packet begins."""
        return min(self._packets, default=None)

    def peek(self, at: int) -> Packet:
        """The packet that begins at *at*."""
        return self._packets[at]

    def take(self, at: int) -> Packet:
        """Hand out the packet that begins at *at*."""
        return self._packets.pop(at)

    def clear(self) -> None:
        """Drop all."""
        self._packets.clear()
