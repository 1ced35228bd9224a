"""A real TURN server (coturn) on the loopback interface, as long as the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.control_link.base import IceServer

USER, PASSWORD = "box", "of-the-test"
STARTED_S = 10.0


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def turn_server(folder: Path, transport: str) -> AsyncIterator[IceServer]:
    """What reaches it over *transport* (udp or tcp). Its log is in *folder*."""
    port = _free_port()
    options = {
        "listening-ip": "127.0.0.1",
        "relay-ip": "127.0.0.1",
        "listening-port": port,
        "user": f"{USER}:{PASSWORD}",
        "realm": "test",
        "log-file": folder / "turn.log",
        "pidfile": folder / "turn.pid",
        "userdb": folder / "turn.db",
    }
    flags = ["lt-cred-mech", "allow-loopback-peers", "no-tls", "no-dtls", "no-cli", "simple-log"]
    command = [
        *(f"--{name}={value}" for name, value in options.items()),
        *(f"--{f}" for f in flags),
    ]
    null = asyncio.subprocess.DEVNULL
    server = await asyncio.create_subprocess_exec(
        "turnserver", "-n", *command, stdout=null, stderr=null, stdin=null, cwd=folder
    )
    try:
        await _listens(port, server)
        url = f"turn:127.0.0.1:{port}?transport={transport}"
        yield IceServer(urls=[url], username=USER, credential=PASSWORD)
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


async def _listens(port: int, server: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(STARTED_S):
        while True:
            assert server.returncode is None, "the TURN server has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
