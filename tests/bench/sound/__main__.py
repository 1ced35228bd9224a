"""``make bench-sound``: receivers side by side on networks of every kind, in real time.

The same packets go to each receiver at the same moments. Prints tables and writes
``build/bench-sound.json``, one object a receiver, voice and seed. See docs/sound.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

try:
    import pesq
    import scipy

    del pesq, scipy
except ImportError as error:
    sys.exit(f"the sound bench needs {error.name}: run it by make bench-sound")

from appliance.webrtc import allow_loopback
from tests.bench.sound.docs import write_docs
from tests.bench.sound.forwarder import Punctuality, UnpunctualError
from tests.bench.sound.network import SCENARIOS, Scenario
from tests.bench.sound.remote import MODULES, Remote, started
from tests.bench.sound.report import brief, report
from tests.bench.sound.rows import Row
from tests.bench.sound.scoring import score
from tests.bench.sound.session import Run, Take
from tests.bench.sound.speech import PIECE_S
from tests.bench.sound.voices import NAMES, PIECES, Speech, speech, written

OUT = Path(__file__).resolve().parents[3] / "build/bench-sound.json"
ATTEMPTS = 6
"""Of a run during which the machine stands still; the last is taken as it is."""
SCORERS = 2


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sound", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=5, help="runs of each scenario (default 5; 0: none)"
    )
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[], help="names of scenarios, or their begin")
    parser.add_argument("--receivers", nargs="+", choices=MODULES, default=list(MODULES))
    parser.add_argument("--voices", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument(
        "--seconds", type=int, help=f"of speech to measure in each run: 8 to {PIECES * 8}"
    )
    parser.add_argument("--visqol", action="store_true", help="score by ViSQOL too; it is slow")
    parser.add_argument("--keep", action="store_true", help="add to the runs in the file")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the figures")
    parser.add_argument(
        "--write-docs", action="store_true", help="table and picture into docs/ as well"
    )
    return parser.parse_args(arguments)


def chosen_scenarios(only: list[str], seconds: int | None) -> list[Scenario]:
    """Those that begin with one of *only*, each as long as asked; an outage needs its length."""
    found = [s for s in SCENARIOS if not only or any(s.name.startswith(name) for name in only)]
    if not found:
        sys.exit(f"no scenario begins so; there are: {', '.join(s.name for s in SCENARIOS)}")
    if seconds is None:
        return found
    pieces = min(max(1, round(seconds / PIECE_S)), PIECES)
    return [s if s.resumes else replace(s, pieces=pieces) for s in found]


async def _punctual(
    scenario: Scenario, seed: int, speeches: list[Speech], remotes: list[Remote]
) -> tuple[list[Take], Punctuality]:
    for _ in range(ATTEMPTS - 1):
        try:
            return await Run(scenario, seed, speeches, remotes).take(strict=True)
        except UnpunctualError as error:
            print(f"  {error}: once more", flush=True)
    return await Run(scenario, seed, speeches, remotes).take(strict=False)


async def measure(asked: argparse.Namespace, rows: list[Row], scorers: Executor) -> None:
    """Make all runs; *rows* grows, and is written, with each scenario."""
    voices = [speech(name) for name in asked.voices]
    by_name = {one.voice: one for one in voices}
    loop = asyncio.get_running_loop()
    for scenario in chosen_scenarios(asked.only, asked.seconds):
        scores = []
        speeches = voices[:1] if scenario.alone else voices
        # Anew for each scenario, so that none is charged for the memory of those before.
        talk = written(voices[-1]) if scenario.talks else None
        async with started(asked.receivers, talk) as remotes:
            for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
                begun = time.monotonic()
                takes, late = await _punctual(scenario, seed, speeches, remotes)
                print(
                    f"{scenario.name}, seed {seed}: {time.monotonic() - begun:.0f} s; "
                    f"packets late by {late.p50_ms:.1f} ms (p50), {late.worst_ms:.1f} (worst)",
                    flush=True,
                )
                # Nothing is scored while something runs in real time.
                new = [
                    loop.run_in_executor(
                        scorers, score, scenario, seed, by_name[take.voice], take, asked.visqol
                    )
                    for take in takes
                ]
                scores += await asyncio.gather(*new)
        _replace(rows, scores)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))
        print(brief(scores), flush=True)


def _replace(rows: list[Row], new: list[Row]) -> None:
    """Take *new* in, in place of the same runs before."""

    def key(row: Row) -> tuple[str, str, int, str]:
        return (row.scenario, row.receiver, row.seed, row.voice)

    made = {key(row) for row in new}
    rows[:] = [row for row in rows if key(row) not in made] + new
    order = {scenario.name: i for i, scenario in enumerate(SCENARIOS)}
    rows.sort(key=lambda row: (order.get(row.scenario, len(order)), row.seed))


def main() -> None:
    """Measure, print and write."""
    asked = parse()
    logging.basicConfig(level=logging.WARNING)
    allow_loopback(only=True)
    rows: list[Row] = []
    if asked.keep and asked.out.exists():
        rows = [Row(**row) for row in json.loads(asked.out.read_text())]
    if asked.seeds > 0:
        with ProcessPoolExecutor(SCORERS, get_context("spawn")) as scorers:
            asyncio.run(measure(asked, rows, scorers))
    print(f"\n{report(rows)}\n\nWritten: {asked.out}")
    if asked.write_docs:
        write_docs(rows)


if __name__ == "__main__":
    main()
