"""``make bench-platforms``: the whole box at each platform's real server, beside a bare client.

Prints a table and writes ``build/bench-platforms.json``: for each platform and measure
``{p50, p95, p99, n, unit, floor, goal, goal_percentile, met}``; *floor* holds the same figures of
the driver with a leg of stock aiortc, taken in the same run on the same site. The goal is that
floor with what the box adds on its way: sound card, record and page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Percentile
from tests.bench.site_times import (
    Bench,
    Times,
    measure_ear,
    measure_hang_ups,
    measure_joins_and_barges,
)
from tests.platforms.box import box_at
from tests.platforms.conftest import SITES
from tests.platforms.desk import desk_at
from tests.support.demo_world import Person

RESULT = Path("build/bench-platforms.json")
ALLOWED_MS = {"join": 150, "barge": 100, "ear": 80, "hangup": 100}
"""What the box may add to the floor."""
AT: Percentile = "p95"
HEAD = f"{'platform':<18}{'measure':<9}{'':<7}{'p50':>8}{'p95':>8}{'p99':>8}{'n':>5}  unit  goal"


async def bench(name: str, repetitions: int) -> dict[str, Times]:
    """All measures at one platform."""
    with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
        async with (
            SITES[name](_made(Path(folder) / "site")) as site,
            box_at(site, Path(folder) / "box") as box,
            desk_at(site) as desk,
            Person(box) as person,
        ):
            world = Bench(site, box, desk, person)
            return {
                **await measure_joins_and_barges(world, repetitions),
                **await measure_ear(world, repetitions),
                **await measure_hang_ups(world, repetitions),
            }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def figures(measure: str, times: Times) -> tuple[Figure, Figure]:
    """The box's and the floor's."""
    bare = Figure(measure, times.bare, "ms", 0.0, AT)
    goal = round(bare.percentile(AT) + ALLOWED_MS[measure], 1)
    return Figure(measure, times.box, "ms", goal, AT), bare


def as_json(box: Figure, bare: Figure) -> dict[str, Any]:
    """The form that ``build/bench-platforms.json`` promises."""
    floor = {key: bare.as_json()[key] for key in ("p50", "p95", "p99", "n")}
    return {**box.as_json(), "floor": floor}


def lines(platform: str, box: Figure, bare: Figure) -> list[str]:
    """For people."""
    out = []
    for whose, one in (("box", box), ("floor", bare)):
        cells = f"{one.percentile('p50'):>8}{one.percentile('p95'):>8}{one.percentile('p99'):>8}"
        goal = f"{AT} ≤ {one.goal:g}: {'yes' if one.met else 'NO'}" if one is box else ""
        head = f"{platform:<18}{one.measure:<9}{whose:<7}{cells}{len(one.samples):>5}"
        out.append(f"{head}  {one.unit:<4}  {goal}".rstrip())
    return out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench-platforms ARGS=…", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=50, help="of each measure")
    parser.add_argument("--platforms", nargs="*", choices=SITES, default=list(SITES))
    parser.add_argument("--result", type=Path, default=RESULT)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    results: dict[str, dict[str, Any]] = {}
    print(HEAD, flush=True)
    for platform in chosen.platforms:
        results[platform] = {}
        for measure, times in asyncio.run(bench(platform, chosen.repetitions)).items():
            box, bare = figures(measure, times)
            results[platform][measure] = as_json(box, bare)
            print("\n".join(lines(platform, box, bare)), flush=True)
    chosen.result.parent.mkdir(exist_ok=True)
    chosen.result.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {chosen.result}")


if __name__ == "__main__":
    main()
