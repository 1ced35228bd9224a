"""How long the whole machine stood still: a noisy host stops every process now and then.

A process of its own, above all others where that is allowed, sleeps 2 ms again and again and
tells the longest time that it overslept. What it sees nobody on the machine could have avoided.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WATCH = """
import os, sys, time
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


@contextmanager
def watched_machine() -> Iterator[Stalls]:
    """Watch while the block runs."""
    stalls = Stalls()
    with subprocess.Popen(
        [sys.executable, "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        yield stalls
        watcher.stdin.write("stop\n")
        watcher.stdin.flush()
        stalls.longest_ms = float(watcher.stdout.readline()) * 1000
