"""What arrives from a supervisor's leg: a log of every packet, and the sound in them."""

from __future__ import annotations

import logging
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import opuslib_next

from appliance.platforms.sandbox.centre.sound import FRAME, RATE, SILENCE, Pcm

if TYPE_CHECKING:
    from aiortc.rtp import RtpPacket

log = logging.getLogger(__name__)

KEPT_PACKETS = 100_000
LARGEST = 5760
"""Samples in the longest Opus packet (120 ms)."""
PREFILL = 2 * FRAME
"""Samples gathered before they are heard, after a pause: takes up the jitter of one packet."""
MOST = 5 * FRAME
"""Samples waiting at most; older ones are dropped, so that delay cannot accumulate."""
MOST_CONCEALED = 3
MOST_LATE = 100
"""Packets by which one may be late; from further behind, the sender has begun anew."""


class LoggedPacket(NamedTuple):
    """One RTP packet: monotonic arrival in this process, and what it said."""

    at: float
    sequence: int
    timestamp: int
    payload: bytes


class PacketLog:
    """The last 100,000 packets, each with a number that stays."""

    def __init__(self) -> None:
        self._packets: deque[LoggedPacket] = deque(maxlen=KEPT_PACKETS)
        self.count = 0

    def add(self, packet: LoggedPacket) -> None:
        """Keep *packet*; the oldest is forgotten when there are too many."""
        self._packets.append(packet)
        self.count += 1

    def since(self, number: int, most: int) -> tuple[int, list[LoggedPacket]]:
        """Packets from *number* on, at most so many, and the number of the one after them."""
        first = self.count - len(self._packets)
        start = max(number, first)
        found = list(islice(self._packets, start - first, start - first + most))
        return start + len(found), found


class Uplink:
    """Decodes in order of arrival, conceals short losses, and gives 20 ms at a time."""

    def __init__(self) -> None:
        self.log = PacketLog()
        self._decoder: Any = opuslib_next.Decoder(RATE, 1)
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._flowing = False
        self._last: int | None = None
        self._complained = False

    def packet(self, packet: RtpPacket) -> None:
        """Log the packet and decode it; late, empty and broken ones are logged only."""
        at = time.monotonic()
        self.log.add(
            LoggedPacket(at, packet.sequence_number, packet.timestamp, bytes(packet.payload))
        )
        if not packet.payload:
            return
        gap = 0 if self._last is None else (packet.sequence_number - self._last - 1) & 0xFFFF
        if 0x10000 - gap <= MOST_LATE:
            return
        self._last = packet.sequence_number
        for _ in range(gap if gap <= MOST_CONCEALED else 0):
            self._decode(b"", FRAME)
        self._decode(bytes(packet.payload), LARGEST)

    def _decode(self, payload: bytes, samples: int) -> None:
        try:
            sound = np.frombuffer(self._decoder.decode(payload, samples), np.int16)
        except opuslib_next.OpusError as error:
            if not self._complained:
                log.warning("a leg sends what is not Opus (%s); said only once", error)
            self._complained = True
            return
        self._waiting = np.concatenate([self._waiting, sound])[-MOST:]

    def take(self) -> Pcm:
        """The next 20 ms; silence while too little has arrived."""
        if len(self._waiting) < (FRAME if self._flowing else PREFILL):
            self._flowing = False
            return SILENCE
        self._flowing = True
        frame, self._waiting = self._waiting[:FRAME], self._waiting[FRAME:]
        return frame
