"""``make fuzz``: feed the parsers with what real servers said, more and more changed.

    make fuzz ARGS="--minutes 10 --only sip --only janus"
    make fuzz ARGS="--only sip --replay build/fuzz/sip/crash-…"

Guided by coverage (Atheris, which is libFuzzer). An input that raises, takes longer than 5 s or
more than 512 MB of memory is kept in build/fuzz, and printed with the way to replay it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.parsers import MOST_BYTES, PARSERS, SEEDS

KEPT = Path("build/fuzz")
SLOWEST_S, MOST_MB = 5, 512
LAST_LINES = 15


def main() -> int:
    """1 when anything was found."""
    asked = _arguments()
    if asked.replay:
        (name,) = asked.only
        PARSERS[name](asked.replay.read_bytes())
        print("It does no harm.")
        return 0
    found = [name for name in asked.only or PARSERS if not _fuzz(name, asked.minutes)]
    print(f"Found something in: {', '.join(found)}" if found else "Nothing found.")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each parser")
    parser.add_argument("--only", action="append", choices=sorted(PARSERS), default=[])
    parser.add_argument("--replay", type=Path, help="one kept input, with the one parser of --only")
    asked = parser.parse_args()
    if asked.replay and len(asked.only) != 1:
        parser.error("--replay needs one --only")
    return asked


def _fuzz(name: str, minutes: float) -> bool:
    """Whether nothing was found. What was learnt stays in the corpus for the next time."""
    folder, corpus = KEPT / name, KEPT / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    known = set(folder.iterdir())
    print(f"{name}: {minutes:g} min", flush=True)
    log = folder / "log.txt"
    with log.open("w") as lines:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.one", name, str(corpus), str(SEEDS / name)),
                f"-max_total_time={round(minutes * 60)}",
                f"-max_len={MOST_BYTES}",
                f"-timeout={SLOWEST_S}",
                f"-rss_limit_mb={MOST_MB}",
                f"-artifact_prefix={folder}/",
            ],
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    told = log.read_text(errors="replace").splitlines()
    if ended.returncode == 0:
        print(f"  {told[-1]}")
        return True
    print("\n".join(f"  {line}" for line in told[-LAST_LINES:]))
    for kept in sorted(set(folder.iterdir()) - known - {log}):
        print(f'  replay: make fuzz ARGS="--only {name} --replay {kept}"')
    return False


if __name__ == "__main__":
    sys.exit(main())
