"""The bench's figures for people: tables in Markdown, which read well as they are."""

from __future__ import annotations

import numpy as np

from tests.bench.sound.comparing import LEG_PERCENT, Difference, Share, differences, shares
from tests.bench.sound.rows import Row, mean, of, of_cost, of_talk, receivers, scenarios

LABELS = {"pesq": "PESQ", "ear_p50_ms": "ear p50 ms", "ear_p95_ms": "ear p95 ms"}
NOTHING = "–"


def report(rows: list[Row]) -> str:
    """All tables."""
    return "\n\n".join(
        part for part in (brief(rows), _goals(rows), _cost(rows), _leg(rows), _clean(rows)) if part
    )


def _table(head: list[str], body: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([line(head), rule, *(line(cells) for cells in body)])


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def brief(rows: list[Row]) -> str:
    """Delay, quality and what was concealed of each receiver, means over voices and seeds."""
    names = receivers(rows)
    body = []
    for scenario in scenarios(rows):
        cells = [scenario]
        for name in names:
            here = of(rows, scenario, name)
            ear = " / ".join(_number(mean(here, f"ear_{p}_ms"), 0) for p in ("p50", "p95"))
            scores = [_number(mean(here, "pesq"), 2), _number(mean(here, "visqol"), 2)]
            cells.append(f"{ear} · {' / '.join(scores)} · {_number(mean(here, 'concealed'), 1)}")
        body.append(cells)
    head = ["ear p50 / p95 ms · PESQ / ViSQOL · concealed %", *names]
    return _table(head, body)


def _goals(rows: list[Row]) -> str:
    found = differences(rows)
    body = [
        [
            scenario,
            *(_against(_one(found, scenario, measure)) for measure in LABELS),
        ]
        for scenario in scenarios(rows)
        if any(one.scenario == scenario for one in found)
    ]
    return _table(["ours − the better rival", *LABELS.values()], body) if body else ""


def _one(found: list[Difference], scenario: str, measure: str) -> Difference | None:
    return next((d for d in found if (d.scenario, d.measure) == (scenario, measure)), None)


def _against(one: Difference | None) -> str:
    if one is None:
        return NOTHING
    digits = 2 if one.measure == "pesq" else 0
    interval = f"[{one.low:+.{digits}f}, {one.high:+.{digits}f}]"
    met = "met" if one.met else "**not met**"
    return f"{one.mean:+.{digits}f} {interval} {one.rival}: {met}"


def _cost(rows: list[Row]) -> str:
    if not of_cost(rows):
        return ""
    table = _costs("cost of one connection", of_cost(rows))
    return "\n\n".join([table, *(_share(one) for one in shares(rows))])


def _costs(title: str, rows: list[Row]) -> str:
    figures = (("processor %", "cpu_percent"), ("RSS MB", "rss_mb"), ("PSS MB", "pss_mb"))
    names = receivers(rows)
    body = [
        [label, *(_number(mean([r for r in rows if r.receiver == n], key), 1) for n in names)]
        for label, key in figures
    ]
    return _table([title, *names], body)


def _leg(rows: list[Row]) -> str:
    here = of_talk(rows)
    ours = mean([row for row in here if row.receiver == "ours"], "cpu_percent")
    if ours is None:
        return ""
    met = "met" if ours <= LEG_PERCENT else "**not met**"
    told = f"Our whole leg takes {ours:.1f} % of a core, goal ≤ {LEG_PERCENT:.0f} %: {met}."
    return "\n\n".join([_costs("cost of one connection, both ways", here), told])


def _share(one: Share) -> str:
    part = 100 * one.ours / one.chromium
    met = "met" if one.met else "**not met**"
    return (
        f"Ours has {part:.0f} % of Chromium's {one.measure}, goal ≤ {100 * one.goal:.0f} %: {met}."
    )


def _clean(rows: list[Row]) -> str:
    here = [row for row in rows if row.clean_after_ms is not None]
    if not here:
        return ""
    names = receivers(here)
    cells = []
    for name in names:
        waits = [row.clean_after_ms for row in here if row.receiver == name]
        p50, p95 = np.percentile([wait for wait in waits if wait is not None], [50, 95])
        cells.append(f"{p50:.0f} / {p95:.0f}")
    return _table(["clean again after the outage, p50 / p95 ms", *names], [["", *cells]])
