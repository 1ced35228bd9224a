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
from tests.bench.audit import measure_audit
from tests.bench.figures import Figure, table
from tests.bench.headset_path import measure_headset_path
from tests.bench.hearing import measure_ear, measure_join
from tests.bench.history import measure_history
from tests.bench.load import measure_load
from tests.bench.pages import measure_pages
from tests.bench.pressing import measure_presses
from tests.bench.sign_in import measure_sign_in
from tests.bench.stock_peer import measure_stock_peer
from tests.bench.underruns import measure_underruns
from tests.support.centre import SPEECH_DIRECTORY

RESULT = Path("build/bench.json")
PLATFORMS = "platforms"
APART = {"headset-path", "history", "underruns", "audit", "pages", "sign-in"}
"""Measured in worlds of their own."""
MOST_AT_PLATFORMS = 30
"""Repetitions there, since one takes 4 s."""


async def bench(repetitions: int, only: set[str], seconds: float) -> list[Figure]:
    """All measures, one after the other, each with the machine to itself."""
    figures: list[Figure] = []
    if not only or only - APART:
        figures += await _in_the_demo(repetitions, only)
    if not only or "headset-path" in only:
        print("measuring headset-path …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await measure_headset_path(Path(folder), repetitions)
    if not only or "history" in only:
        print("measuring history …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await asyncio.to_thread(measure_history, Path(folder), repetitions)
    if not only or "underruns" in only:
        print(f"measuring underruns for {seconds:g} s …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await measure_underruns(Path(folder), seconds)
    if not only or "audit" in only:
        print("measuring audit …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await measure_audit(Path(folder))
    if not only or "pages" in only:
        print("measuring pages …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await measure_pages(Path(folder), repetitions)
    if not only or "sign-in" in only:
        print("measuring sign-in …", flush=True)
        with tempfile.TemporaryDirectory(prefix="bargebox-bench-") as folder:
            figures += await measure_sign_in(Path(folder), repetitions)
    return figures


async def _in_the_demo(repetitions: int, only: set[str]) -> list[Figure]:
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
                ({"cpu", "leg-live", "memory"}, measure_load),
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
        "--only",
        nargs="*",
        default=[],
        help="mute, join, ear, peer, cpu, leg-live, headset-path, history, underruns, audit,"
        " pages, sign-in, platforms",
    )
    parser.add_argument("--seconds", type=float, default=600, help="of looking for underruns")
    chosen = parser.parse_args()
    only = set(chosen.only)
    if only != {PLATFORMS}:
        _bench_the_box(chosen.repetitions, only, chosen.seconds)
    if not only or PLATFORMS in only:
        _bench_the_platforms(min(chosen.repetitions, MOST_AT_PLATFORMS))


def _bench_the_box(repetitions: int, only: set[str], seconds: float) -> None:
    figures = asyncio.run(bench(repetitions, only, seconds))
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
