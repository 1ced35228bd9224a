"""Power cuts: a process of its own dies at one of the steps by which some work changes files.

`cut_at` is called in a program that cuts some work at each of its steps, one after the other, and
prints what it finds as one JSON object a line; `cuts_of` runs such a program for a test. It is a
process apart from the test's own, for a fork takes no threads along, and an audit hook stays.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

FIRST_BYTES = 100
LIMIT_S = 60

Named = Callable[[str, tuple[object, ...]], str]
"""What an event of Python's audit hook, with its arguments, is called if it is a step; else ''."""


def cut_at(number: int, work: Callable[[], None], named: Named, *, within: bool = False) -> str:
    """A process of its own dies at the step *number* of *work*; which step that was, or nothing.

    It dies before the step begins or, *within*, when anything is written beyond its first bytes
    from then on; a step that nothing is written after is then done to its end.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _arm(number, named, writing, within=within)
        work()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        step = told.read()
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    if not step:
        assert ended == 0, ended
    elif within:
        assert ended in {0, -signal.SIGXFSZ}, (step, ended)
    else:
        assert ended == -signal.SIGKILL, (step, ended)
    return step


def _arm(number: int, named: Named, writing: int, *, within: bool) -> None:
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        step = named(event, arguments)
        if not step:
            return
        seen += 1
        if seen != number:
            return
        os.write(writing, step.encode())
        if within:
            resource.setrlimit(resource.RLIMIT_FSIZE, (FIRST_BYTES, FIRST_BYTES))
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    # Beyond the limit the kernel ends the process in the middle of its writing.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(LIMIT_S)
    sys.addaudithook(hook)


def cuts_of(program: ModuleType, folder: Path, *, limit_s: float = 100) -> list[dict[str, Any]]:
    """What that program finds after each of its cuts, made in *folder*."""
    done = subprocess.run(
        [sys.executable, "-m", program.__name__, folder],
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
