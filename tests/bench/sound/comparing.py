"""Ours against the better of Chromium and wrtc, in pairs of the same packets at the same times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from tests.bench.sound.rows import Row, of_cost

RIVALS = ("chromium", "wrtc")
PESQ_BELOW = 0.05
CPU_SHARE = 0.40
MEMORY_SHARE = 0.10
LEG_PERCENT = 6.0
"""Of one core, that the whole leg may take which sends and receives."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Ours minus *rival*, the better of the two in this scenario; a 95 % interval of the mean."""

    scenario: str
    measure: str
    rival: str
    mean: float
    low: float
    high: float
    pairs: int
    met: bool


@dataclass(frozen=True)
class Share:
    """Ours as a part of Chromium's, of one call."""

    measure: str
    ours: float
    chromium: float
    goal: float

    @property
    def met(self) -> bool:
        """Whether it is within its goal."""
        return self.ours <= self.goal * self.chromium


def differences(rows: list[Row]) -> list[Difference]:
    """PESQ, and p50 and p95 of the ear, of each scenario that has ours and a rival."""
    found = []
    for scenario in dict.fromkeys(row.scenario for row in rows):
        here = [row for row in rows if row.scenario == scenario]
        for measure in ("pesq", "ear_p50_ms", "ear_p95_ms"):
            one = _difference(scenario, measure, here)
            if one is not None:
                found.append(one)
    return found


def _difference(scenario: str, measure: str, rows: list[Row]) -> Difference | None:
    higher_is_better = measure == "pesq"
    sign = 1 if higher_is_better else -1
    best: Difference | None = None
    for rival in RIVALS:
        pairs = _pairs(measure, rows, rival)
        if len(pairs) < 2:
            continue
        mean = float(np.mean(pairs))
        half = float(t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1) * np.std(pairs, ddof=1))
        half /= np.sqrt(len(pairs))
        met = mean >= -PESQ_BELOW if higher_is_better else mean < 0
        one = Difference(scenario, measure, rival, mean, mean - half, mean + half, len(pairs), met)
        if best is None or sign * one.mean < sign * best.mean:
            best = one
    return best


def _pairs(measure: str, rows: list[Row], rival: str) -> list[float]:
    def figures(receiver: str) -> dict[tuple[int, str], float]:
        return {
            (row.seed, row.voice): getattr(row, measure)
            for row in rows
            if row.receiver == receiver and getattr(row, measure) is not None
        }

    ours, theirs = figures("ours"), figures(rival)
    return [ours[key] - theirs[key] for key in ours if key in theirs]


def shares(rows: list[Row]) -> list[Share]:
    """Processor and memory; none where one of the two was not measured."""

    rows = of_cost(rows)

    def mean(receiver: str, figure: str) -> float:
        found = [getattr(row, figure) for row in rows if row.receiver == receiver]
        return float(np.mean(found)) if found else float("nan")

    made = [
        Share(name, mean("ours", figure), mean("chromium", figure), goal)
        for name, figure, goal in (
            ("processor %", "cpu_percent", CPU_SHARE),
            ("memory MB (RSS)", "rss_mb", MEMORY_SHARE),
            ("memory MB (PSS)", "pss_mb", MEMORY_SHARE),
        )
    ]
    return [one for one in made if not np.isnan([one.ours, one.chromium]).any()]
