"""``make bench``: the box measured from outside, in the demo's own world.

Prints a table and writes ``build/bench.json``: for each measure
``{p50, p95, p99, n, unit, goal, goal_percentile, met}``. Times are taken at the contact
centre's packet log and at the virtual card's ear, never inside the measured processes.

Then the box at every platform's real server, which is ``make bench-platforms``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from appliance.demo.world import Options, World
from tests.bench.figures import Figure, table
from tests.bench.hearing import measure_ear, measure_join
from tests.bench.load import measure_load
from tests.bench.pressing import measure_presses
from tests.bench.stock_peer import measure_stock_peer
from tests.support.centre import SPEECH_DIRECTORY

RESULT = Path("build/bench.json")
PLATFORMS = "platforms"
MOST_AT_PLATFORMS = 30
"""Repetitions there, since one takes 4 s."""


async def bench(repetitions: int, only: set[str]) -> list[Figure]:
    """All measures, one after the other, each with the machine to itself."""
    figures: list[Figure] = []
    options = Options(
        centre={
            "speech_directory": str(SPEECH_DIRECTORY),
            "lively": 4,
            "listed": 96,
            "changes_per_second": 2.0,
        },
        ear=False,
        log_level="error",
    )
    with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
        async with World(Path(folder), options) as world:
            for names, measure in (
                ({"mute", "unmute"}, measure_presses),
                ({"join"}, measure_join),
                ({"ear"}, measure_ear),
                ({"peer"}, measure_stock_peer),
                ({"cpu", "memory"}, measure_load),
            ):
                if not only or only & names:
                    print(f"measuring {', '.join(sorted(names))} …", flush=True)
                    figures += await measure(world, repetitions)
    return figures


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200, help="of each measure")
    parser.add_argument(
        "--only", nargs="*", default=[], help="mute, join, ear, peer, cpu, platforms"
    )
    chosen = parser.parse_args()
    only = set(chosen.only)
    if only != {PLATFORMS}:
        _bench_the_box(chosen.repetitions, only)
    if not only or PLATFORMS in only:
        _bench_the_platforms(min(chosen.repetitions, MOST_AT_PLATFORMS))


def _bench_the_box(repetitions: int, only: set[str]) -> None:
    figures = asyncio.run(bench(repetitions, only))
    print(table(figures))
    results = {figure.measure: figure.as_json() for figure in figures}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {RESULT}", flush=True)


def _bench_the_platforms(repetitions: int) -> None:
    """Their servers have a network of their own."""
    command = ["tools/in-namespace", sys.executable, "-m", "tests.bench.platforms"]
    subprocess.run([*command, "--repetitions", str(repetitions)], check=True)


if __name__ == "__main__":
    main()
