"""How long the machine stood still: a noisy host stops it, or one of its processors, now and then.

On each processor a watcher of its own, above all others where that is allowed, sleeps 2 ms again
and again and tells the longest time that it overslept. What it sees nobody could have avoided.

A test that notes when it saw something may be late itself: ``watched_loop`` tells when and by how
much its own loop was.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

_WATCH = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
except PermissionError:
    pass
import select
worst, last = 0.0, time.monotonic()
print("watching", flush=True)
while not select.select([sys.stdin], [], [], 0.002)[0]:
    now = time.monotonic()
    worst, last = max(worst, now - last - 0.002), now
print(worst, flush=True)
"""


class Stalls:
    """``longest_ms`` is set when the watch has ended."""

    longest_ms = 0.0


@asynccontextmanager
async def watched_loop() -> AsyncIterator[list[tuple[float, float]]]:
    """The spans in which the running loop did nothing else for 5 ms or more, as they come."""
    held: list[tuple[float, float]] = []

    async def watch() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.005)
            now = time.monotonic()
            if now - last > 0.010:
                held.append((last, now))
            last = now

    watching = asyncio.create_task(watch())
    try:
        yield held
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@contextmanager
def watched_machine() -> Iterator[Stalls]:
    """Watch while the block runs."""
    stalls = Stalls()
    with ExitStack() as stack:
        watchers = [stack.enter_context(_watcher(cpu)) for cpu in os.sched_getaffinity(0)]
        for watcher in watchers:
            assert _line_from(watcher) == "watching\n"
        yield stalls
        for watcher in watchers:
            assert watcher.stdin is not None
            watcher.stdin.write("stop\n")
            watcher.stdin.flush()
            stalls.longest_ms = max(stalls.longest_ms, float(_line_from(watcher)) * 1000)


def _watcher(cpu: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(cpu)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line_from(watcher: subprocess.Popen[str]) -> str:
    assert watcher.stdout is not None
    return watcher.stdout.readline()
