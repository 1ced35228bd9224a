"""What happened on the lines between two measurements, from the counts of their buffers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from appliance.leg.codecs.opus import FRAME, SAMPLE_RATE
from appliance.leg.quality.arrivals import Arrivals
from appliance.leg.receive.jitter import JitterBuffer

RECOVERED = 0.5
"""What a packet recovered from a copy costs, against one that is concealed. PESQ, speech at 5 and
10 % loss: 3.9 without loss, 2.3 and 1.9 concealed, 3.1 and 2.8 recovered."""
FORGET_PAUSE = 2
"""Measurements for which a pause may still excuse what was made up over it."""

Line = tuple[JitterBuffer, Arrivals]


@dataclass(slots=True)
class Window:
    """Sums over lines and time; times in samples at 48 kHz."""

    heard: float = 0.0
    """Time in which packets came."""
    expected: int = 0
    lost: int = 0
    bursts: int = 0
    concealed: float = 0.0
    recovered: float = 0.0
    stretched: float = 0.0

    def add(self, other: Window) -> None:
        """Take *other* in."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def percent(self, part: float) -> float | None:
        """*part* of the time heard."""
        return round(min(100.0, 100 * part / self.heard), 2) if self.heard else None

    def lost_percent(self) -> float | None:
        """Of the packets that should have come."""
        return round(100 * self.lost / self.expected, 2) if self.expected else None

    def unrepaired_percent(self) -> float:
        """Speech lost after all repair, as the E-model counts it."""
        bad = max(0.0, self.concealed - (1 - RECOVERED) * self.recovered)
        return min(100.0, 100 * bad / self.heard)

    def burst_ratio(self) -> float:
        """Mean length of a burst against that of random loss (G.107 section 7.5)."""
        if not self.bursts:
            return 1.0
        return self.lost / self.bursts * (1 - self.lost / self.expected)


@dataclass(slots=True)
class _Counts:
    """A line's counts since its start."""

    expected: int = 0
    received: int = 0
    lost: int = 0
    bursts: int = 0
    paused: int = 0
    settled: int = 0
    recovered: int = 0
    stretched: int = 0

    def since(self, before: _Counts) -> _Counts:
        """What is new."""
        return _Counts(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(self)))


class LineMeter:
    """One line: its counts at the last measurement, and what a pause still excuses."""

    def __init__(self) -> None:
        self._before = _Counts()
        self._excused: list[int] = []
        self._carried = 0
        """Samples made up that no measurement has told of yet."""

    def take(self, line: Line, since_s: float, now_s: float) -> Window | None:
        """What is new since the last time; None where no packet came."""
        counts = self._counts(line)
        new, self._before = counts.since(self._before), counts
        self._excused = [*self._excused, new.paused][-FORGET_PAUSE:]
        self._carried = self._not_excused(self._carried + new.settled)
        if not new.received:
            return None
        concealed, self._carried = self._carried, 0
        began = line[1].began
        span_s = now_s - (since_s if began is None else max(since_s, began))
        lost = max(0, new.lost)
        return Window(
            heard=max(FRAME, span_s * SAMPLE_RATE),
            expected=max(new.expected, lost),
            lost=lost,
            bursts=new.bursts,
            concealed=concealed,
            recovered=min(new.recovered, concealed),
            stretched=new.stretched,
        )

    def _counts(self, line: Line) -> _Counts:
        buffer, arrivals = line
        stats = buffer.stats
        return _Counts(
            expected=arrivals.expected,
            received=arrivals.received,
            lost=arrivals.lost,
            bursts=arrivals.bursts,
            paused=arrivals.paused,
            # What is still awaited may turn out to be lost, late, or never sent.
            settled=max(self._before.settled, stats.concealed - buffer.awaiting),
            recovered=stats.recovered,
            stretched=stats.stretched,
        )

    def _not_excused(self, concealed: int) -> int:
        for i, pause in enumerate(self._excused):
            used = min(pause, concealed)
            self._excused[i] -= used
            concealed -= used
        return concealed
