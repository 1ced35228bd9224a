"""``python -m tests.bench.sound.offline``: our buffer alone on the networks, in virtual time.

Prints for each network, over paired seeds: PESQ (wide-band), the delay from mouth to ear (from
the first sample of a packet to its block's pop: without capture, network and sound card), and
what was concealed and stretched. Needs pesq and scipy.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

try:
    import pesq
    import scipy

    del pesq, scipy
except ImportError as error:
    sys.exit(f"the sound bench needs {error.name}: python -m pip install pesq scipy")

from appliance.leg.codecs.opus import Samples
from tests.bench.sound.measures import delays, pesq_of
from tests.bench.sound.network import SCENARIOS, TUNING, Scenario
from tests.bench.sound.receive import receive
from tests.bench.sound.speech import pieces


@dataclass(frozen=True)
class Result:
    """Means over the seeds."""

    scenario: str
    pesq: float
    pesq_least: float
    p50_ms: float
    p95_ms: float
    concealed_percent: float
    stretched_percent: float
    block_us: float


def measure(scenario: Scenario, source: Samples, seeds: int) -> Result:
    """Run *scenario* with each seed."""
    rows = []
    for seed in range(seeds):
        got = receive(scenario, source, seed)
        times, late = delays(source, got.heard)
        p50, p95 = np.percentile(late, [50, 95]) if len(late) else (np.nan, np.nan)
        stats = got.buffer.stats
        stretched = getattr(stats, "stretched", stats.dropped * 480)
        score = pesq_of(source, got.heard, times, late)
        share = 100 / len(got.heard)
        rows.append((score, p50, p95, stats.concealed * share, stretched * share, got.block_us))
    table = np.array(rows)
    mean = table.mean(axis=0)
    return Result(scenario.name, mean[0], table[:, 0].min(), *(float(x) for x in mean[1:]))


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.sound.offline", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--natural", type=Path, help="a WAV file of a natural voice, 16 s or more")
    parser.add_argument("--only", nargs="*", default=[], help="names of scenarios, or their begin")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    source = np.concatenate(pieces(chosen.natural))
    print("network              PESQ least | p50  p95 ms | concealed stretched % | us / 10 ms")
    results = []
    for scenario in (*SCENARIOS, *TUNING):
        if scenario.talks:
            continue
        if chosen.only and not any(scenario.name.startswith(name) for name in chosen.only):
            continue
        row = measure(scenario, source, chosen.seeds)
        results.append(row)
        print(
            f"{row.scenario:20} {row.pesq:4.2f}  {row.pesq_least:4.2f} | {row.p50_ms:3.0f}  "
            f"{row.p95_ms:3.0f}    | {row.concealed_percent:6.2f}   {row.stretched_percent:6.2f}"
            f"      | {row.block_us:4.0f}",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in results], indent=2))


if __name__ == "__main__":
    main()
