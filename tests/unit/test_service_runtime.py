"""The life of a process: each case is a real process of its own, with real signals."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.service.runtime import ExitStatus

PROLOGUE = """
import asyncio, ctypes, os, resource, signal, sys, threading, time
from appliance.service.errors import BargeboxError
from appliance.service.journal import set_up_logging
from appliance.service.runtime import forbid_core_dumps, run
set_up_logging("probe")
def say(word): print(word, flush=True)
"""


@contextmanager
def process(script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs *script* after the prologue; it said ``ready`` already. It ignores no
    signal that these tests were told to ignore: they may run under nohup themselves.
    """
    started = subprocess.Popen(
        ["env", "--default-signal=HUP", sys.executable, "-c", PROLOGUE + script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.communicate()


def end(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = started.communicate(timeout=60)
    return started.returncode, out, err


def live(body: str, options: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"async def main(stop):\n{lines}\nsys.exit(run(main{options}))\n"


CLEAN = live("say('ready')\nawait stop.wait()\nsay('muted')")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_in_good_order(number: signal.Signals) -> None:
    with process(CLEAN) as started:
        started.send_signal(number)
        status, out, err = end(started)
    assert (status, out) == (ExitStatus.OK, "muted\n")
    assert f"{number.name}: stopping" in err


def test_one_wish_told_twice_is_not_impatience() -> None:
    slow = live("say('ready')\nawait stop.wait()\nawait asyncio.sleep(0.2)\nsay('muted')")
    with process(slow) as started:
        started.send_signal(signal.SIGINT)
        started.send_signal(signal.SIGTERM)
        assert end(started)[:2] == (ExitStatus.OK, "muted\n")


def test_nohup_is_respected() -> None:
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    with process(ignoring + CLEAN) as started:
        started.send_signal(signal.SIGHUP)
        started.send_signal(signal.SIGTERM)
        status, _, err = end(started)
    assert status == ExitStatus.OK
    assert "SIGHUP" not in err


def test_a_second_signal_leaves_at_once() -> None:
    hanging = live("say('ready')\nawait stop.wait()\nsay('stopping')\nawait asyncio.sleep(60)")
    with process(hanging) as started:
        started.send_signal(signal.SIGTERM)
        assert started.stdout is not None
        assert started.stdout.readline() == "stopping\n"
        time.sleep(1.1)
        started.send_signal(signal.SIGTERM)
        status, _, err = end(started)
    assert status == 128 + signal.SIGTERM
    assert "SIGTERM again: leaving at once" in err


@pytest.mark.parametrize(
    "hanging",
    [
        "await asyncio.sleep(60)",
        "while True:\n    try: await asyncio.sleep(60)\n    except asyncio.CancelledError: pass",
        "await asyncio.to_thread(time.sleep, 60)",
    ],
    ids=["sleeping", "stubborn", "thread"],
)
def test_a_shutdown_that_hangs_is_cut_short(hanging: str) -> None:
    script = live(f"say('ready')\nawait stop.wait()\n{hanging}", ", grace=0.2")
    with process(script) as started:
        started.send_signal(signal.SIGTERM)
        status, _, err = end(started)
    assert status == ExitStatus.STUCK
    assert "cut short" in err


def test_an_expected_fault_has_words_and_no_traceback() -> None:
    with process(live("say('ready')\nraise BargeboxError('Plug it in.', code='gone')")) as started:
        status, _, err = end(started)
    assert status == ExitStatus.REFUSED
    assert err.endswith("error    probe: Plug it in.  CODE=gone\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "fault",
    [
        "1 / 0",
        "asyncio.get_running_loop().call_soon(lambda: 1 / 0)\nawait stop.wait()",
        "threading.Thread(target=lambda: 1 / 0).start()\nawait stop.wait()",
    ],
    ids=["main", "callback", "thread"],
)
def test_an_unexpected_fault_ends_the_process_and_is_told(fault: str) -> None:
    with process(live(f"say('ready')\n{fault}")) as started:
        status, _, err = end(started)
    assert status == ExitStatus.FAULT
    assert "ZeroDivisionError" in err


def test_a_fault_declared_harmless_is_only_told() -> None:
    body = (
        "asyncio.get_running_loop().call_soon(lambda: 1 / 0)\nawait asyncio.sleep(0)\n"
        "await asyncio.sleep(0)\nassert not stop.is_set()\nsay('ready')"
    )
    with process(live(body, ", harmless=(ArithmeticError,)")) as started:
        status, _, err = end(started)
    assert status == ExitStatus.OK
    assert "ZeroDivisionError" in err


def test_no_core_is_left_behind(tmp_path: Path) -> None:
    """Killed by SIGABRT, as the watchdog does it, with every other obstacle taken away."""
    script = (
        "os.chdir(sys.argv[1])\n"
        "forbid_core_dumps()\n"
        "say('ready')\n"
        "dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), dumpable, flush=True)\n"
        "os.abort()\n"
    )
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    ended = subprocess.run(
        [sys.executable, "-c", PROLOGUE + script, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )  # fmt: skip
    assert ended.returncode == -signal.SIGABRT
    assert ended.stdout == "ready\n(0, 0) 0\n"
    assert os.listdir(tmp_path) == []
