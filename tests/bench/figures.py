"""One measure's figures, its goal, and the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Percentile = Literal["p50", "p95", "p99"]


@dataclass(frozen=True)
class Figure:
    """*samples* in *unit*; the *goal* is for the percentile *at*."""

    measure: str
    samples: list[float]
    unit: str
    goal: float
    at: Percentile

    def percentile(self, which: Percentile) -> float:
        """Rounded to what the measure is good for."""
        value = float(np.percentile(self.samples, int(which[1:])))
        return round(value, 3 if abs(value) < 1 else 1)

    @property
    def met(self) -> bool:
        """Whether the goal is reached; no samples are no success."""
        return bool(self.samples) and self.percentile(self.at) <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The form that ``build/bench.json`` promises."""
        return {
            "p50": self.percentile("p50"),
            "p95": self.percentile("p95"),
            "p99": self.percentile("p99"),
            "n": len(self.samples),
            "unit": self.unit,
            "goal": self.goal,
            "goal_percentile": self.at,
            "met": self.met,
        }


def table(figures: list[Figure]) -> str:
    """For people."""
    wide = max([22, *(len(figure.measure) + 1 for figure in figures)])
    lines = [
        f"{'measure':<{wide}}{'p50':>9}{'p95':>9}{'p99':>9}{'n':>6}  {'unit':<14}{'goal':<14}met",
    ]
    for figure in figures:
        cells = "".join(f"{figure.percentile(p):>9}" for p in ("p50", "p95", "p99"))
        goal = f"{figure.at} ≤ {figure.goal:g}"
        met = "yes" if figure.met else "NO"
        head = f"{figure.measure:<{wide}}{cells}{len(figure.samples):>6}"
        lines.append(f"{head}  {figure.unit:<14}{goal:<14}{met}")
    return "\n".join(lines)
