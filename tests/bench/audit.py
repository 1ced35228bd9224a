"""A long audit log: to check, to search and to export all of it, in what time and memory.

Each is a process of its own, which tells at the end the processor's time that it took, and its peak
memory (``VmHWM``, proc(5)); *growth* is what it takes for the long log beyond a thousand rows.
Beside them the plain ``sqlite3`` reads the same rows, which is the floor: it checks no hash and
writes no JSON.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from appliance import cli
from appliance.monitoring.audit import Audit
from appliance.monitoring.audit_search import AuditQuery, Word
from appliance.monitoring.store import Store
from tests.bench.figures import Figure
from tests.support.filled_world import audit_entry, fill_audit

ROWS = 1_000_000
FEW = 1000
TIMES = 3
APPENDS = 200
NOWHERE = "no-such-word"
MEASURED = (sys.executable, "-m", "tests.bench.audit")
SELECT = "SELECT * FROM audit ORDER BY seq"
LIKE = f"SELECT count(*) FROM audit WHERE actor || action || detail LIKE '%{NOWHERE}%'"  # noqa: S608


async def measure_audit(folder: Path, rows: int = ROWS) -> list[Figure]:
    """Times in seconds, memory in MB."""
    long, short = folder / "long.sqlite3", folder / "short.sqlite3"
    print(f"  writing {rows} rows …", flush=True)
    await fill_audit(long, rows)
    await fill_audit(short, FEW)
    figures = [Figure("audit-append", await _appends(short), "ms", 100, "p95")]
    for name, command, goal in (
        ("audit-verify", ("verify", "--database"), 30.0),
        ("audit-export", ("export", "--database"), 30.0),
        ("audit-search", ("search",), 10.0),
    ):
        print(f"  {name} …", flush=True)
        runs = [_measured(*command, str(long)) for _ in range(TIMES)]
        _, _, few = _measured(*command, str(short))
        figures += [
            Figure(name, [seconds for seconds, _, _ in runs], "s", goal, "p95"),
            Figure(f"{name}-cpu", [busy for _, busy, _ in runs], "s", goal, "p95"),
            Figure(f"{name}-growth", [memory - few for _, _, memory in runs], "MB", 8.0, "p95"),
        ]
    for name, sql in (("audit-select", SELECT), ("audit-like", LIKE)):
        seconds = [_run("sqlite3", "-readonly", str(long), sql)[0] for _ in range(TIMES)]
        figures.append(Figure(f"{name}_sqlite3", seconds, "s", 30.0, "p95"))
    return figures


async def _appends(database: Path) -> list[float]:
    """One row, on the disk with its signed head, again and again."""
    store = await Store.open(database)
    audit, took = Audit(store), []
    for number in range(APPENDS):
        begun = time.perf_counter()
        await audit.append(audit_entry(number))
        took.append(1000 * (time.perf_counter() - begun))
    await store.close()
    return took


def _run(*command: str) -> tuple[float, str]:
    """Seconds until it ended, and its last words. Raises ``CalledProcessError`` if it failed."""
    begun = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
    )
    return time.perf_counter() - begun, done.stderr


def _measured(*command: str) -> tuple[float, float, float]:
    """Seconds until it ended, those that the processor worked for it, and its peak memory in MB."""
    seconds, said = _run(*MEASURED, *command)
    busy, peak = said.split()[-2:]
    return seconds, float(busy), int(peak) / 1024


async def _search(database: Path) -> None:
    """For a word that is nowhere, until every row was looked at."""
    store = await Store.open(database)
    audit, before = Audit(store), None
    query = AuditQuery(words=(Word(NOWHERE),))
    while True:
        found = await audit.search(query, before=before)
        assert not found.rows
        before = found.before
        if before is None:
            break
    await store.close()


def main(arguments: Sequence[str]) -> int:
    """The search, or a command of ``bargebox audit``, as a process of its own that tells its time
    on the processor in seconds and its peak memory in kB.
    """
    if arguments[0] == "search":
        code = 0
        asyncio.run(_search(Path(arguments[1])))
    else:
        code = cli.main(["audit", *arguments])
    status = Path("/proc/self/status").read_text()
    print(time.process_time(), status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
