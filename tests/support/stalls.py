"""How long the machine stood still: a noisy host stops it, or one of its processors, now and then.

On each processor a watcher of its own, above all others where that is allowed, sleeps 2 ms again
and again and tells the longest time that it overslept. What it sees nobody could have avoided.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
