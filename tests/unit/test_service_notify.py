"""Notification of the service manager, over a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.service import notify
from appliance.service.notify import Watchdog, watchdog_seconds


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def told(manager: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += manager.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


@pytest.fixture
def no_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)


def test_states_are_told(manager: socket.socket) -> None:
    notify.ready("idle")
    notify.status("in a call\nREADY=0")
    notify.stopping()
    assert told(manager) == ["READY=1", "STATUS=idle", "STATUS=in a call READY=0", "STOPPING=1"]


def test_started_by_hand_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.ready()
    assert Watchdog(1.0).check()


def test_a_manager_that_is_gone_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify.status("alone")


@pytest.mark.usefixtures("no_watchdog")
def test_watchdog_time_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert watchdog_seconds() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None


@pytest.mark.usefixtures("no_watchdog")
@pytest.mark.parametrize("nonsense", ["", "0", "-5", "soon", "²"])
def test_nonsense_is_no_watchdog(monkeypatch: pytest.MonkeyPatch, nonsense: str) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", nonsense)
    assert watchdog_seconds() is None


def test_fed_only_while_every_counter_moves(manager: socket.socket) -> None:
    counts = {"capture": 0, "panel": 0}
    watchdog = Watchdog(10.0)
    watchdog.beats("capture", lambda: counts["capture"])
    watchdog.beats("panel", lambda: counts["panel"])
    assert not watchdog.check()
    counts["capture"] += 1
    assert not watchdog.check()
    assert told(manager) == []
    counts["panel"] += 1
    assert watchdog.check()
    assert not watchdog.check()
    assert told(manager) == ["WATCHDOG=1"]
    watchdog.forget("panel")
    counts["capture"] += 1
    assert watchdog.check()


async def test_the_turning_loop_feeds(manager: socket.socket) -> None:
    watchdog = Watchdog(0.03)
    watchdog.start()
    watchdog.start()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        for _ in range(3):
            assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"
    await watchdog.stop()
    told(manager)
    await asyncio.sleep(0.05)
    assert told(manager) == []


@pytest.mark.usefixtures("no_watchdog")
async def test_without_a_watchdog_nothing_runs() -> None:
    watchdog = Watchdog()
    before = len(asyncio.all_tasks())
    watchdog.start()
    assert len(asyncio.all_tasks()) == before
    await watchdog.stop()


def test_an_inherited_socket_is_taken_over_once(tmp_path: Path) -> None:
    path = tmp_path / "leg.sock"
    script = (
        "import os; from appliance.service.notify import inherited_sockets; "
        "held = inherited_sockets(); "
        "print({name: its.getsockname() for name, its in held.items()}, inherited_sockets(), "
        "'LISTEN_FDS' in os.environ); [its.close() for its in held.values()]"
    )
    manager = subprocess.Popen(
        ["systemd-socket-activate", "--listen", path, "--fdname", "control-link",
         sys.executable, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with call(path):
            out, _ = manager.communicate(timeout=60)
    finally:
        manager.kill()
        manager.communicate()
    assert out.strip() == f"{{'control-link': '{path}'}} {{}} False"


def call(path: Path) -> socket.socket:
    """A connection to *path*, which is about to be listened on."""
    deadline = time.monotonic() + 30
    while True:
        caller = socket.socket(socket.AF_UNIX)
        try:
            caller.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            caller.close()
            assert time.monotonic() < deadline, f"nobody listens on {path}"
            time.sleep(0.01)
        else:
            return caller
