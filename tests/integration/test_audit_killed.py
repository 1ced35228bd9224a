"""The audit log of a process that is killed in the middle of whatever it does."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.audit_log import look_now, told
from tests.support.audit_writer import PLACES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "box.db"


def writer(
    database: Path, first: int, last: int, keep: float, *die_at: object
) -> subprocess.Popen[bytes]:
    module = "tests.support.audit_writer"
    command = [sys.executable, "-m", module, database, first, last, keep, *die_at]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    )


def written(database: Path) -> list[int]:
    """The numbers in the log, in its order."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT action, detail FROM audit ORDER BY seq").fetchall()
    assert {action for action, _ in rows} <= {"act", "audit_cut"}
    return [json.loads(detail)["number"] for action, detail in rows if action == "act"]


def live(database: Path, first: int, last: int, keep: float, chance: random.Random) -> list[int]:
    """One life, killed at some moment: what it acknowledged."""
    with writer(database, first, last, keep) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randrange(40))]
        told = [int(line) for line in lines if line]
        with suppress(subprocess.TimeoutExpired):
            # Between two rows, or in the middle of one; without a row, while it starts.
            process.wait(chance.uniform(0, 0.01) if told else chance.uniform(0, 0.6))
        process.kill()
        told += [int(line) for line in process.stdout.read().splitlines()]
    return told


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("seed", "writes", "keep"), [(18, 1000, 3600.0), (7, 400, 1.5)])
def test_no_kill_loses_a_row_that_was_acknowledged_or_raises_an_alarm(
    database: Path, seed: int, writes: int, keep: float
) -> None:
    """Old rows go meanwhile where they are kept for a short time only."""
    chance = random.Random(seed)
    last, killed, cut = 0, 0, 0
    while last < writes:
        acknowledged = live(database, last + 1, writes, keep, chance)
        killed += 1
        if not database.exists():
            continue
        verdict = look_now(database)
        assert told(verdict) == [], killed
        assert verdict.remarks == []
        numbers = written(database) or [last + 1]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert max([last, *acknowledged]) <= numbers[-1] <= max([last, *acknowledged]) + 1
        last = numbers[-1] if written(database) else last
        cut = numbers[0] - 1
    assert killed >= writes / 40
    assert (cut > 0) == (keep < 10)
    assert cut > 0 or look_now(database).rows == writes


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("after", [0, 1, 2, 7])
def test_each_place_in_a_write_can_be_the_last(database: Path, place: str, after: int) -> None:
    """The very first write, which makes the key, included."""
    with writer(database, 1, 99, 3600.0, place, after) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    acknowledged = [int(line) for line in output.split()]
    before = written(database)
    assert before[: len(acknowledged)] == acknowledged
    assert len(before) - len(acknowledged) <= 1
    with writer(database, len(before) + 1, 99, 3600.0, "before-draft", 5) as process:
        process.communicate(timeout=60)
    verdict = look_now(database)
    assert told(verdict) == []
    assert verdict.remarks == []
    after_all = written(database)
    assert after_all == list(range(1, len(after_all) + 1))
    assert len(after_all) >= len(before) + 3
