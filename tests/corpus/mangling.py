"""What a network or a sender may do to a stream. Each fault tells what it costs: for how long (s)
nothing that was said can be expected, for its own length and until the buffer can be sure of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.corpus.replay import Arrival

Mangled = tuple[list[Arrival], float]
"""The stream, and what that costs."""
LONGEST_PACKET_S = 0.12
"""Of Opus: what a spoilt packet may claim to last."""
TAKE_OVER_S = 0.1
"""For how long packets of the source before are not believed to be its return."""
CAUTION_S = 0.15
"""The most by which pauses become longer when the line proves to be unsteady."""
BELIEVED_S = 0.25
"""For how long the buffer believes a jump of the sender's clock to be a loss."""
OUT_OF_ORDER_S = 0.06
"""Three packets, after which a clock that was set back is believed to be so."""


class Fault(Protocol):
    """One thing that goes wrong."""

    def __call__(self, stream: Sequence[Arrival]) -> Mangled: ...


def _place(where: float, stream: Sequence[Arrival]) -> int:
    return min(int(where * len(stream)), len(stream) - 1)


def _span(stream: Sequence[Arrival], first: int, count: int) -> float:
    """How long it takes until something else comes than these *count* packets."""
    after = stream[min(first + count, len(stream) - 1)]
    return after.at - stream[first].at + after.seconds


@dataclass(frozen=True)
class Lose:
    """*count* packets from *where* (0 to 1) on never arrive."""

    where: float
    count: int

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        kept = [*stream[:first], *stream[first + self.count :]]
        return kept or [stream[0]], _span(stream, first, self.count)


@dataclass(frozen=True)
class Repeat:
    """*count* packets arrive once more, all together, *later* (s) than the last of them, but not
    after the stream's end.
    """

    where: float
    count: int
    later: float

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        again = stream[first : first + self.count]
        at = min(again[-1].at + self.later, stream[-1].at)
        return [*stream, *(one._replace(at=at) for one in again)], CAUTION_S


@dataclass(frozen=True)
class Overtake:
    """*count* packets take another way, and come all together *later* (s) than the last should,
    but not after the stream's end.
    """

    where: float
    count: int
    later: float

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        last = min(first + self.count, len(stream)) - 1
        at = min(stream[last].at + self.later, stream[-1].at)
        mangled = [
            one._replace(at=at) if first <= i <= last else one for i, one in enumerate(stream)
        ]
        return mangled, _span(stream, first, self.count) + CAUTION_S


@dataclass(frozen=True)
class Stall:
    """The line keeps what comes for *length* (s), and then gives it all at once."""

    where: float
    length: float

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        begin = stream[_place(self.where, stream)].at
        end = begin + self.length
        held = [one._replace(at=end) if begin <= one.at < end else one for one in stream]
        return held, self.length


@dataclass(frozen=True)
class Spoil:
    """*count* payloads are cut to *octets* and XORed with *bits*, octet by octet."""

    where: float
    count: int
    octets: int
    bits: bytes

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        mangled = list(stream)
        for i in range(first, min(first + self.count, len(stream))):
            cut = stream[i].payload[: self.octets]
            xored = bytes(a ^ b for a, b in zip(cut, self.bits, strict=False))
            mangled[i] = stream[i]._replace(payload=xored + cut[len(xored) :])
        return mangled, _span(stream, first, self.count) + LONGEST_PACKET_S


@dataclass(frozen=True)
class AnotherSource:
    """*count* packets come under the name (SSRC) of another source."""

    where: float
    count: int
    ssrc: int

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        theirs = range(first, first + self.count)
        mangled = [
            one._replace(ssrc=self.ssrc) if i in theirs else one for i, one in enumerate(stream)
        ]
        return mangled, 2 * TAKE_OVER_S


@dataclass(frozen=True)
class Jump:
    """The sender's timestamps are *ticks* further on from *where* on."""

    where: float
    ticks: int

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        later = [
            one._replace(timestamp=(one.timestamp + self.ticks) & 0xFFFFFFFF)
            for one in stream[first:]
        ]
        return [*stream[:first], *later], BELIEVED_S


@dataclass(frozen=True)
class StandStill:
    """From *where* on all comes *length* (s) later, with timestamps that know nothing of it."""

    where: float
    length: float

    def __call__(self, stream: Sequence[Arrival]) -> Mangled:
        first = _place(self.where, stream)
        later = [one._replace(at=one.at + self.length) for one in stream[first:]]
        return [*stream[:first], *later], self.length + BELIEVED_S


def splice(
    stream: Sequence[Arrival], where: float, other: Sequence[Arrival], *, same: bool
) -> tuple[list[Arrival], int]:
    """*other* goes on at *where*; *same*: as if it were of the same source. And how many packets
    of *stream* are left.
    """
    first = _place(where, stream)
    shift, ssrc = stream[first].at - other[0].at, stream[first].ssrc
    following = [
        one._replace(at=one.at + shift, ssrc=ssrc if same else one.ssrc + 1 & 0xFFFFFFFF)
        for one in other
    ]
    return [*stream[:first], *following], first


def mangle(stream: Sequence[Arrival], faults: Sequence[Fault]) -> Mangled:
    """One fault after the other."""
    arrivals, costs = list(stream), 0.0
    for fault in faults:
        arrivals, cost = fault(arrivals)
        arrivals.sort(key=lambda one: one.at)
        costs += cost
    return arrivals, costs
