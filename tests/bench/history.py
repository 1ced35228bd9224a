"""How long the page of history takes, with 100,000 sessions in it, and what an export costs.

Page and database are the box's own, over HTTP on the loopback and on a disk; every answer is read
to its end.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

import httpx

from appliance.console.routes.history import HistoryListQuery
from appliance.monitoring.store import Store
from tests.bench.figures import Figure
from tests.support.console_served import served
from tests.support.console_world import make_world
from tests.support.memory_store import MemoryStore
from tests.support.past_sessions import past, write_past

SESSIONS = 100_000
GOAL_MS = 300
EXPORT_GOAL_MB = 20
MOST = 50
"""Repetitions of a question; there are ten of them."""
WHO = {"Authorization": "Bearer token-sam", "Accept": "text/html"}
QUESTIONS = (
    "",
    "page=2000",
    "search=ÜBERSEE ольга",
    "search=nobody at all",
    "supervisor=sue&barged=yes",
    "agent=emre yılmaz&queue=sales",
    "end_reason=hung_up&sort=-mos",
    "from=2028-01-01&to=2029-01-01&sort=customer",
    "sort=agent&page=2000",
    "interaction=call-050000",
)


def measure_history(folder: Path, repetitions: int) -> list[Figure]:
    """*history*: the whole page, each question alike. *history-export*: the memory that all
    sessions as a file take on their way, above what the process had.
    """
    path = folder / "box.db"
    store = Store(path)
    with sqlite3.connect(path) as database:
        write_past(database, map(past, range(SESSIONS)), curves=False)
    database.close()
    world = make_world()
    world.database = cast(MemoryStore, store)  # a world reads from it only
    with served(world) as server, httpx.Client(base_url=server.url, headers=WHO) as client:
        times = [_ask(client, path, question, min(repetitions, MOST)) for question in QUESTIONS]
        used = [_export(client, kind) for kind in ("csv", "json")]
    return [
        Figure("history", [ms for one in times for ms in one], "ms", GOAL_MS, "p99"),
        Figure("history-export", used, "MB", EXPORT_GOAL_MB, "p99"),
    ]


def _ask(client: httpx.Client, path: Path, question: str, repetitions: int) -> list[float]:
    """Times in ms; printed with how SQLite goes about it."""
    samples = []
    for _ in range(repetitions):
        started = time.perf_counter()
        client.get("/history", params=dict(parse_qsl(question))).raise_for_status()
        samples.append((time.perf_counter() - started) * 1000)
    query = HistoryListQuery.model_validate(dict(parse_qsl(question))).for_history()
    where, values = query.where(None)
    sql = f"SELECT session_id FROM session_list WHERE {where} ORDER BY {query.order()} LIMIT 50"  # noqa: S608
    with sqlite3.connect(path) as database:
        steps = "; ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    database.close()
    median = sorted(samples)[len(samples) // 2]
    print(f"  {median:6.1f} ms, at most {max(samples):6.1f}  {question or '(all)'}: {steps}")
    return samples


def _export(client: httpx.Client, kind: str) -> float:
    """Peak of resident memory in MB above that at the beginning."""
    before, peak, size, started = _resident_mb(), 0.0, 0, time.perf_counter()
    address = f"/api/v1/history/export?format={kind}"
    with client.stream("GET", address, timeout=120) as answer:
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            size += len(piece)
            peak = max(peak, _resident_mb())
    took = time.perf_counter() - started
    print(f"  {SESSIONS} sessions as {kind}: {size / 1e6:.0f} MB in {took:.1f} s")
    return max(0.0, peak - before)


def _resident_mb() -> float:
    """Of this process, which serves and asks (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
