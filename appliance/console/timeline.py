"""A session as a picture: who heard the supervisor when, and how the call sounded.

Only its measures are worked out here; ``_timeline.html`` draws them. Across, places are percent of
the picture's width, so that its words keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from appliance.control_link.quality import FAIR_FROM, GOOD_FROM
from appliance.monitoring.curve import Curve, Point
from appliance.monitoring.history import SessionRecord

MOST_TICKS = 5
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MOST_ROWS = 20
"""So many lines has the table of the curve at most."""
MUTED = "muted"

FLOOR_DBFS = -60.0
LEAST_MOS, MOST_MOS = 1.0, 4.5
HEIGHT = 100
"""Of a curve's own coordinates, from above; across, one is a point of the curve."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when the supervisor was ``muted``, or heard by ``everyone`` or the ``agent``."""

    kind: str
    start: datetime
    end: datetime
    x: float
    width: float

    @property
    def length_s(self) -> float:
        """In seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis of time."""

    at: datetime
    after_s: float
    x: float


@dataclass(frozen=True, slots=True)
class Sounding:
    """The curves as paths of SVG, and the same in a table's lines."""

    width: float
    mos: str
    call: str
    microphone: str
    good: float
    fair: float
    rows: tuple[tuple[float, Point], ...]
    """Seconds after the beginning, and what was heard from then on; at most `MOST_ROWS`."""
    step_s: int
    """So many seconds is a line of the table."""
    point_s: int
    """And so many a point of the curves."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it; ``sounding`` is None where no curve was kept."""

    length_s: float
    spans: tuple[Span, ...]
    ticks: tuple[Tick, ...]
    sounding: Sounding | None


def timeline(record: SessionRecord, curve: Curve | None) -> Timeline:
    """Of a session that has ended."""
    end = record.ended_at or record.started_at
    length_s = max(1.0, (end - record.started_at).total_seconds())
    return Timeline(
        length_s,
        tuple(_spans(record, end, length_s)),
        tuple(_ticks(record.started_at, length_s)),
        _sounding(curve, length_s) if curve is not None and curve.points else None,
    )


def _spans(record: SessionRecord, end: datetime, length_s: float) -> Iterator[Span]:
    """One after the other without a gap, from the beginning to the end."""

    def span(kind: str, start: datetime, stop: datetime) -> Span:
        x = 100 * (start - record.started_at).total_seconds() / length_s
        width = 100 * (stop - start).total_seconds() / length_s
        return Span(kind, start, stop, round(x, 3), round(width, 3))

    at = record.started_at
    for barge in record.barges:
        start = min(max(barge.started_at, at), end)
        stop = min(max(barge.ended_at or end, start), end)
        if start > at:
            yield span(MUTED, at, start)
        yield span(barge.audience, start, stop)
        at = stop
    if end > at or not record.barges:
        yield span(MUTED, at, end)


def _ticks(start: datetime, length_s: float) -> Iterator[Tick]:
    hours = (3600 * hour for hour in range(2, int(length_s // 3600) + 3))
    each_s = next(step for step in chain(TICKS_S, hours) if length_s / step <= MOST_TICKS)
    for number in range(int(length_s // each_s) + 1):
        after_s = number * each_s
        yield Tick(start + timedelta(seconds=after_s), after_s, round(100 * after_s / length_s, 3))


def _sounding(curve: Curve, length_s: float) -> Sounding:
    coarse = curve.coarser(MOST_ROWS)
    return Sounding(
        width=round(length_s / curve.step_s, 3),
        mos=_line(curve),
        call=_bars(curve, lambda point: point.call),
        microphone=_bars(curve, lambda point: point.microphone),
        good=_height_of_mos(GOOD_FROM),
        fair=_height_of_mos(FAIR_FROM),
        rows=tuple((n * float(coarse.step_s), point) for n, point in enumerate(coarse.points)),
        step_s=coarse.step_s,
        point_s=curve.step_s,
    )


def _height_of_mos(mos: float) -> float:
    return round(HEIGHT * (MOST_MOS - mos) / (MOST_MOS - LEAST_MOS), 1)


def _line(curve: Curve) -> str:
    """Through the middles of what is known of the MOS, broken where nothing is."""
    path, drawing = [], False
    for number, point in enumerate(curve.points):
        mos = point.mos
        if mos is not None:
            place = f"{number}.5 {_height_of_mos(mos):g}"
            path.append(f"L{place}" if drawing else f"M{place}h0")
        drawing = mos is not None
    return "".join(path)


def _bars(curve: Curve, value: Callable[[Point], float | None]) -> str:
    """The outline of the bars of a level; none where there is silence or nothing is known."""
    path, standing = [], False
    for number, point in enumerate(curve.points):
        level = value(point)
        top = HEIGHT * min(1.0, max(0.0, (FLOOR_DBFS if level is None else level) / FLOOR_DBFS))
        if standing and top >= HEIGHT:
            path.append(f"V{HEIGHT}Z")
        elif top < HEIGHT:
            path.append(
                f"V{top:.0f}H{number + 1}"
                if standing
                else f"M{number} {HEIGHT}V{top:.0f}H{number + 1}"
            )
        standing = top < HEIGHT
    return "".join([*path, f"V{HEIGHT}Z" if standing else ""])
