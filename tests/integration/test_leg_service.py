"""The leg as its service manager sees it: ready, watchdog, no core dump."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.control_link.events import Snapshot, any_event
from appliance.control_link.framing import connect
from appliance.demo.box import to_toml

WATCHDOG_S = 0.9


@asynccontextmanager
async def running_leg(
    directory: Path, notices: socket.socket, *, log: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`bargebox leg` with no headset plugged in, under a service manager's environment."""
    settings = directory / "bargebox.toml"
    settings.write_text(
        to_toml(
            {
                "box": {"run_dir": str(directory), "state_dir": str(directory)},
                "audio": {"headset": "usb-serial:NONE"},
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.cli", "leg", "--settings", str(settings)),
        env={
            **os.environ,
            "NOTIFY_SOCKET": str(notices.getsockname()),
            "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
        },
        stderr=log,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(10):
                await process.wait()


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        yield manager


async def notice(manager: socket.socket) -> str:
    return (await asyncio.to_thread(manager.recv, 4096)).decode()


def drain(manager: socket.socket) -> None:
    manager.settimeout(0.01)
    try:
        while manager.recv(4096):
            pass
    except TimeoutError:
        return


async def until(manager: socket.socket, start: str) -> str:
    while not (text := await notice(manager)).startswith(start):
        pass
    return text


async def test_watchdog_is_fed_without_a_headset_and_not_by_a_frozen_leg(
    tmp_path: Path, notices: socket.socket
) -> None:
    async with running_leg(tmp_path, notices) as leg:
        await until(notices, "READY=1")
        for _ in range(5):
            await until(notices, "WATCHDOG=1")
        os.kill(leg.pid, signal.SIGSTOP)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(drain, notices)
        notices.settimeout(WATCHDOG_S)
        with pytest.raises(TimeoutError):
            await notice(notices)
        notices.settimeout(10)
        os.kill(leg.pid, signal.SIGCONT)
        await until(notices, "WATCHDOG=1")
    await until(notices, "STOPPING=1")
    assert leg.returncode == 0


async def test_leg_leaves_no_core_and_shows_the_missing_headset(
    tmp_path: Path, notices: socket.socket
) -> None:
    async with running_leg(tmp_path, notices) as leg:
        await until(notices, "READY=1")
        assert resource.prlimit(leg.pid, resource.RLIMIT_CORE) == (0, 0)
        channel = await connect(tmp_path / "leg.sock", any_event)
        snapshot = await channel.receive()
        assert isinstance(snapshot, Snapshot)
        assert snapshot.headset.present is False
        assert snapshot.call is None
        await channel.close()
        written = {path.name for path in tmp_path.iterdir()}
    assert written == {"bargebox.toml", "notify", "leg.sock", "panel.sock"}
