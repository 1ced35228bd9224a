"""Captures through the leg's receive path, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from aiortc.rtp import RtpPacket

from appliance.leg.codecs.base import Codec
from appliance.leg.codecs.opus import SAMPLE_RATE, Samples
from appliance.leg.codecs.stream import StreamDecoder
from appliance.leg.receive.jitter import BLOCK, JitterBuffer
from tests.corpus import index, rtpdump

TICK_S = BLOCK / SAMPLE_RATE
GAP_S = 0.02


class Arrival(NamedTuple):
    """A packet as the buffer takes it, *at* s after the first."""

    at: float
    ssrc: int
    timestamp: int
    payload: bytes
    codec: Codec | None
    number: int

    @property
    def seconds(self) -> float:
        """What it lasts."""
        return self.codec.samples(self.payload) / SAMPLE_RATE if self.codec else 0.0


Stream = tuple[Arrival, ...]


@cache
def stream(name: str) -> Stream:
    """A capture."""
    known = index.read()[name].known()
    arrivals = []
    for at, data in rtpdump.read(index.path_of(name)):
        one = RtpPacket.parse(data)
        codec, number = known.get(one.payload_type), one.sequence_number
        arrivals.append(Arrival(at, one.ssrc, one.timestamp, one.payload, codec, number))
    return tuple(arrivals)


def replay(arrivals: Iterable[Arrival]) -> Iterator[tuple[JitterBuffer, Samples]]:
    """Pop a block each 10 ms, from the first packet until the last one's turn."""
    buffer, following = JitterBuffer(), 0
    waiting = sorted(arrivals, key=lambda one: one.at)
    begun, last = waiting[0].at, waiting[-1]
    for tick in range(int((last.at + last.seconds - begun) / TICK_S) + 1):
        while following < len(waiting) and waiting[following].at <= begun + tick * TICK_S:
            at, ssrc, timestamp, payload, codec, number = waiting[following]
            buffer.put(ssrc, timestamp, payload, at, codec, number)
            following += 1
        yield buffer, buffer.pop()


def one_after_the_other(streams: Iterable[Stream]) -> Iterator[Arrival]:
    """As a call that goes from sender to sender, 20 ms apart, each a source of its own."""
    begun = 0.0
    for ssrc, packets in enumerate(streams):
        for one in packets:
            yield one._replace(at=begun + one.at, ssrc=ssrc)
        begun += packets[-1].at + GAP_S


def plainly_decoded(arrivals: Iterable[Arrival]) -> Samples:
    """One packet after the other, as if each came in time; the sender's pauses are left out."""
    decoder = StreamDecoder()
    return np.concatenate(
        [decoder.decode(one.payload, one.codec) for one in arrivals if one.codec is not None]
    )
