"""A log server that is away, hangs or takes nothing: nothing is lost untold, and nobody waits."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

import pytest

from appliance.provisioning.logs import connection
from appliance.provisioning.logs.forwarder import LogState
from appliance.provisioning.logs.settings import LogForwarding
from tests.support.log_box import Box, by, heads, log, texts, until
from tests.support.log_server import LogServer


async def test_what_happens_while_the_server_is_away_arrives_when_it_is_back(
    box: Box, server: LogServer
) -> None:
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp"))
    await until(lambda: heads(server, 2) > 0)
    await asyncio.to_thread(server.stop)
    await until(lambda: not box.logs.state.connected)
    assert box.logs.state.away_since is not None
    assert box.logs.state.detail
    await box.write("monitor", "unmute")
    log.warning("said while nobody listened")
    await asyncio.to_thread(server.file.unlink)
    await asyncio.to_thread(server.start)
    await until(lambda: heads(server, 4) > 0)
    await until(lambda: "said while nobody listened" in str(texts(server)))
    rows = await asyncio.to_thread(texts, server, "audit_row")
    assert [row.count('"action":"unmute"') for row in rows].count(1) == 1
    await until(lambda: box.logs.state.connected)
    assert box.logs.state == LogState(connected=True, sent=box.logs.state.sent)


async def test_a_full_queue_drops_the_oldest_and_tells_how_many(
    box: Box, server: LogServer
) -> None:
    box.logs = box.forwarder(most=50)
    await asyncio.to_thread(server.stop)
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp"))
    begun = asyncio.get_running_loop().time()
    for number in range(200):
        log.warning("line number %03d.", number)
    assert asyncio.get_running_loop().time() - begun < 1  # nobody waited
    await until(lambda: box.logs.state.dropped_at is not None)
    assert box.logs.state.dropped >= 150
    await asyncio.to_thread(server.file.unlink, missing_ok=True)
    await asyncio.to_thread(server.start)
    await until(lambda: "line number 199." in str(texts(server)))
    found = await asyncio.to_thread(lambda: str(texts(server)))
    assert "line number 100." not in found
    assert "log lines were not sent" in found
    assert box.logs.state.waiting <= 50
    assert heads(server, 2) > 0


async def test_a_server_that_takes_nothing_stops_nobody(
    box: Box, server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_LIMIT_S", 3.0)
    taken: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        taken.append(writer)

    slow = await asyncio.start_server(take, "127.0.0.1", 0, limit=1024)
    port = slow.sockets[0].getsockname()[1]
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", port=port))
    longest = 0.0
    for _ in range(1500):
        log.warning("%s", "x" * 8000)
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        longest = max(longest, asyncio.get_running_loop().time() - begun)
    await until(lambda: "takes no more" in box.logs.state.detail)
    assert longest < connection.SEND_LIMIT_S, "the loop has waited for the server"
    await box.logs.change("tom", LogForwarding())
    for writer in taken:
        writer.transport.abort()
    slow.close()


async def test_a_server_that_takes_connections_and_ends_them_is_away(
    box: Box, server: LogServer, caplog: pytest.LogCaptureFixture
) -> None:
    ended = 0

    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        ended += 1
        writer.transport.abort()

    false = await asyncio.start_server(end, "127.0.0.1", 0)
    caplog.set_level(logging.INFO, "appliance.provisioning.logs")
    await box.logs.begin()
    for at in ({"transport": "tcp", "port": false.sockets[0].getsockname()[1]},
               {"transport": "udp", "port": 9}):  # fmt: skip
        caplog.clear()
        await box.logs.change("tom", by(server, lines="none", **at))
        await until(lambda: box.logs.state.away_since is not None)
        since = box.logs.state.away_since
        await asyncio.sleep(1.5)  # it tries again all the time
        if at["transport"] == "tcp":
            await until(lambda: ended > 3)
        assert (box.logs.state.connected, box.logs.state.away_since) == (False, since)
        assert len(caplog.messages) <= 2  # or they would feed themselves
    false.close()
    await false.wait_closed()


async def test_a_name_server_that_hangs_holds_nobody_else(
    box: Box, server: LogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_LIMIT_S", 0.3)
    answers, asked = threading.Event(), 0
    real = socket.getaddrinfo

    def hangs(*given: object, **more: object) -> object:
        nonlocal asked
        asked += 1
        answers.wait(30)
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    tests = [box.logs.test(by(server, "tcp", server="logs.example.org")) for _ in range(40)]
    found = await asyncio.gather(*tests, return_exceptions=True)
    assert {str(one) for one in found} == {
        f"The log server logs.example.org, TCP {server.ports['tcp']} does not answer."
    }
    assert asked == 1
    async with asyncio.timeout(10):  # of the 30 that the name server hangs
        assert await asyncio.to_thread(threading.get_ident)
    answers.set()
