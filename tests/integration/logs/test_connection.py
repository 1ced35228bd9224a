"""The connection to a log server: tried out, changed, given up and closed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pytest

from appliance.platforms import trust
from appliance.provisioning.logs import connection, proof
from appliance.provisioning.logs.connection import LogServerError
from appliance.provisioning.logs.settings import LogForwarding, LogForwardingFile
from tests.support.log_box import Box, by, log, texts, until
from tests.support.log_server import LogServer

T = TypeVar("T")


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server whose system takes connections, and a little of what comes."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


def connections() -> int:
    found = 0
    for one in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # a thread has closed its file meanwhile
            found += os.readlink(f"/proc/self/fd/{one}").startswith("socket:")
    return found


async def test_a_connection_that_is_given_up_is_closed(
    box: Box, server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_LIMIT_S", 0.2)
    monkeypatch.setattr(connection, "CLOSE_LIMIT_S", 0.2)
    with silent() as port:
        before = connections()
        one = await connection.connected(by(server, "tcp", port=port), lambda: None)
        with pytest.raises(LogServerError, match="takes no more"):
            await one.send([b"x" * 8000] * 2000)
        await one.close()
        await asyncio.sleep(0)
        assert connections() == before


async def cancelled_after(steps: int, work: Coroutine[Any, Any, T]) -> T | None:
    """What *work* gives, cancelled after so many *steps* of the loop; ``None`` if in time."""
    task = asyncio.create_task(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=10)
    await asyncio.sleep(0)
    return None if task.cancelled() else task.result()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_close_that_is_cancelled_leaves_nothing_open(
    box: Box, server: LogServer, transport: str
) -> None:
    """As when the sending ends while it closes what the server has just ended."""
    trust.believe_too(server.site.pem)
    before = connections()
    for steps in range(1, 12):
        one = await connection.connected(by(server, transport), lambda: None)
        await cancelled_after(steps, one.close())
        assert connections() == before, f"cancelled after {steps} steps"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_one_that_is_closed_already_may_be_closed(
    box: Box, server: LogServer, transport: str
) -> None:
    """Whoever was the first: the server may have been."""
    trust.believe_too(server.site.pem)
    one = await connection.connected(by(server, transport), lambda: None)
    await one.close()
    await one.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_connect_that_is_cancelled_leaves_nothing_open(
    box: Box, server: LogServer, transport: str
) -> None:
    trust.believe_too(server.site.pem)
    before = connections()
    for steps in range(1, 40):
        one = await cancelled_after(
            steps, connection.connected(by(server, transport), lambda: None)
        )
        if one is not None:
            await one.close()
        async with asyncio.timeout(10):  # TLS says farewell first, where it was made in time
            while connections() != before:
                await asyncio.sleep(0.01)


async def test_what_nobody_acknowledges_is_not_taken_for_sent(
    box: Box, server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.UNANSWERED_S < proof.UNSURE_S
    monkeypatch.setattr(connection, "UNANSWERED_S", 0.5)
    with silent() as port:
        over = asyncio.Event()
        one = await connection.connected(by(server, "tcp", port=port), over.set)
        await one.send([b"x" * 8000] * 5)
        async with asyncio.timeout(10):
            await over.wait()
        assert "timed out" in one.lost
        await one.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_test_line_arrives(box: Box, server: LogServer, transport: str) -> None:
    trust.believe_too(server.site.pem)
    mark = await box.logs.test(by(server, transport))
    await until(lambda: f"Bargebox test line {mark}" in str(texts(server, "test")))
    assert box.logs.settings.transport == "off"


async def test_a_test_says_what_is_wrong(box: Box, server: LogServer) -> None:
    nobody = LogServer.__new__(LogServer)
    nobody.ports = {"udp": 9, "tcp": 9, "tls": 9}
    for transport in ("udp", "tcp", "tls"):
        with pytest.raises(LogServerError, match=r"refused|none of its addresses answers"):
            await box.logs.test(by(nobody, transport))
    with pytest.raises(LogServerError, match="not trusted"):
        await box.logs.test(by(server, "tls"))
    trust.believe_too(server.site.pem)
    with pytest.raises(LogServerError, match="another name"):
        await box.logs.test(by(server, "tls", server="127.0.0.1"))


async def test_every_change_is_on_record_and_off_is_off(box: Box, server: LogServer) -> None:
    await box.logs.begin()
    await box.logs.change("tom", by(server, "udp"))
    await until(lambda: box.logs.state.connected)
    await box.logs.change("tom", LogForwarding())
    assert not box.logs.state.connected
    sent = box.logs.state.sent
    await box.write("monitor")
    log.warning("not for the server")
    await asyncio.sleep(1.2)
    assert box.logs.state.sent == sent
    rows = await box.audit.page()
    assert [row.action for row in rows].count("log_forwarding_changed") == 2
    kept = LogForwardingFile(box.folder / "log-forwarding.json")
    assert await asyncio.to_thread(kept.read) == LogForwarding()
