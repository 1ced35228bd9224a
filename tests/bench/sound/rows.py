"""The rows of `build/bench-sound.json`, and what is looked up in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.sound.network import SCENARIOS

RECEIVERS = ("ours", "wrtc", "chromium", "stock")


@dataclass(frozen=True)
class Row:
    """One receiver's figures of one voice in one run; None where it cannot tell."""

    scenario: str
    receiver: str
    seed: int
    voice: str
    ear_p50_ms: float | None
    ear_p95_ms: float | None
    pesq: float
    visqol: float | None
    concealed: float | None
    """Percent of the measured time."""
    cpu_percent: float
    rss_mb: float
    pss_mb: float
    """As *rss_mb*, with pages that processes share counted once."""
    clean_after_ms: float | None = None


def mean(rows: list[Row], figure: str) -> float | None:
    """Over all *rows* that tell it."""
    told = [getattr(row, figure) for row in rows if getattr(row, figure) is not None]
    return float(np.mean(told)) if told else None


def of_cost(rows: list[Row]) -> list[Row]:
    """Those that tell what a receiver costs: of one call, or of all where that was not measured."""
    alone = {scenario.name for scenario in SCENARIOS if scenario.alone and not scenario.talks}
    talking = of_talk(rows)
    listening = [row for row in rows if row not in talking]
    return [row for row in listening if row.scenario in alone] or listening


def of_talk(rows: list[Row]) -> list[Row]:
    """Those of calls in which the receiver talks as well."""
    talks = {scenario.name for scenario in SCENARIOS if scenario.talks}
    return [row for row in rows if row.scenario in talks]


def scenarios(rows: list[Row]) -> list[str]:
    """In the order in which they were measured."""
    return list(dict.fromkeys(row.scenario for row in rows))


def receivers(rows: list[Row]) -> list[str]:
    """Ours first."""
    present = {row.receiver for row in rows}
    return [name for name in RECEIVERS if name in present]


def of(rows: list[Row], scenario: str, receiver: str) -> list[Row]:
    """The rows of one scenario and receiver."""
    return [row for row in rows if row.scenario == scenario and row.receiver == receiver]
