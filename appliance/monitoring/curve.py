"""How a session sounded over its time: loudness and MOS of spans of a second or more, no sound.

The curve is bounded: where a session gets long its points are put together two by two, and each
then stands for twice the time. Of a span the worst MOS and the loudest moment are kept, for a dip
or a word must not vanish from the picture because the call went on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_POINTS = 400

_MOS_STEPS = 50
"""So many to a MOS of 1: it is kept as 50 to 225, and as 0 where it is unknown."""
_LEVEL_STEPS = 2
"""So many to a decibel: a level is kept as 0 (full scale) to 200, and as 255 where unknown."""
_NO_MOS, _NO_LEVEL = 0, 255


class Point(NamedTuple):
    """One span of the session; None is what nothing was heard of."""

    mos: float | None = None
    """The worst, 1.0 to 4.5."""
    call: float | None = None
    """The loudest that agent and customer were, in dBFS."""
    microphone: float | None = None
    """The loudest that the supervisor was on the way into the call, in dBFS."""

    def joined(self, other: Point) -> Point:
        """Both as one."""
        return Point(
            min(_known(self.mos, other.mos), default=None),
            max(_known(self.call, other.call), default=None),
            max(_known(self.microphone, other.microphone), default=None),
        )


@dataclass(slots=True)
class Curve:
    """At most `MAX_POINTS` points of *step_s* seconds each, from the session's beginning on."""

    step_s: int = 1
    points: list[Point] = field(default_factory=list)

    def take(self, at_s: float, point: Point) -> None:
        """Take in what was heard *at_s* seconds after the session's beginning."""
        at_s = max(0.0, at_s)
        while at_s >= MAX_POINTS * self.step_s:
            self.step_s, self.points = self.step_s * 2, _paired(self.points)
        index = int(at_s // self.step_s)
        self.points += [Point()] * (index + 1 - len(self.points))
        self.points[index] = self.points[index].joined(point)

    def coarser(self, most: int) -> Curve:
        """The same in at most *most* points."""
        step_s, points = self.step_s, self.points
        while len(points) > most:
            step_s, points = step_s * 2, _paired(points)
        return Curve(step_s, list(points))

    def to_bytes(self) -> bytes:
        """The points as the database keeps them, three bytes each."""
        return bytes(byte for point in self.points for byte in _packed(point))

    @classmethod
    def of_bytes(cls, step_s: int, kept: bytes) -> Curve:
        """The curve again; MOS to 0.02 and levels to half a decibel."""
        triples = zip(kept[::3], kept[1::3], kept[2::3], strict=False)
        return cls(max(1, step_s), [_unpacked(*triple) for triple in triples][:MAX_POINTS])


def _known(*values: float | None) -> list[float]:
    return [value for value in values if value is not None]


def _paired(points: Sequence[Point]) -> list[Point]:
    """Two by two; an odd last one stands alone."""
    even = [*points, *[Point()] * (len(points) % 2)]
    return [one.joined(other) for one, other in zip(even[::2], even[1::2], strict=True)]


def _packed(point: Point) -> tuple[int, int, int]:
    mos = _NO_MOS if point.mos is None else round(min(4.5, max(1.0, point.mos)) * _MOS_STEPS)
    return mos, _packed_level(point.call), _packed_level(point.microphone)


def _packed_level(level: float | None) -> int:
    return _NO_LEVEL if level is None else round(min(100.0, max(0.0, -level)) * _LEVEL_STEPS)


def _unpacked(mos: int, call: int, microphone: int) -> Point:
    return Point(
        None if mos == _NO_MOS else mos / _MOS_STEPS,
        _unpacked_level(call),
        _unpacked_level(microphone),
    )


def _unpacked_level(level: int) -> float | None:
    return None if level == _NO_LEVEL else -level / _LEVEL_STEPS
