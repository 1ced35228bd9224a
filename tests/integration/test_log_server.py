"""The logs at a real syslog server: received, proved, and not lost while it is away."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.store import Store
from appliance.platforms import trust
from appliance.provisioning.logs import connection, proof, sending
from appliance.provisioning.logs.connection import LogServerError
from appliance.provisioning.logs.forwarder import LogForwarder, LogState
from appliance.provisioning.logs.position import PositionFile
from appliance.provisioning.logs.settings import LogForwarding, LogForwardingFile
from tests.support.log_server import LogServer, log_server

log = logging.getLogger("appliance.test")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LogServer]:
    with log_server(tmp_path / "rsyslog") as server:
        yield server


class Box:
    """An audit log, and where it is sent."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.audit = folder, Audit(store)
        self.died: list[str] = []
        self.logs = self.forwarder()

    def forwarder(self, most: int = 5000) -> LogForwarder:
        return LogForwarder(
            LogForwardingFile(self.folder / "log-forwarding.json"),
            PositionFile(self.folder / "log-forwarding.position"),
            self.audit,
            lambda: "desk-7",
            journal=False,
            most=most,
            on_death=self.died.append,
        )

    async def write(self, *actions: str) -> None:
        for action in actions:
            detail = {"customer": "+491701234567"}
            await self.audit.append(Entry("sam", action, "session-1", "call-1", detail=detail))


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    monkeypatch.setattr(sending, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(sending, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(sending, "STEADY_S", 0.5)
    store = await Store.open(tmp_path / "bargebox.sqlite3")
    box = Box(tmp_path, store)
    await box.write("begun")
    yield box
    await box.logs.stop()
    assert box.died == []
    await store.close()
    trust.believe_too("")


def by(at: LogServer, transport: str, **more: object) -> LogForwarding:
    host = "localhost" if transport == "tls" else "127.0.0.1"
    usual = {"transport": transport, "server": host, "port": at.ports[transport]}
    values = {**usual, **more}
    return LogForwarding.model_validate(values)


async def until(condition: Callable[[], bool], limit_s: float = 15.0) -> None:
    async with asyncio.timeout(limit_s):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


def texts(server: LogServer, kind: str = "") -> list[str]:
    return [row[7] for row in server.received if not kind or row[5] == kind]


def heads(server: LogServer, seq: int) -> int:
    return sum(f'"seq":{seq},' in text for text in texts(server, "audit_head"))


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_rows_and_heads_arrive_and_prove_the_log(
    box: Box, server: LogServer, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trust.believe_too(server.site.pem)
    await box.logs.begin()
    await box.logs.change("tom", by(server, transport))
    await until(lambda: heads(server, 2) > 0)
    await box.write("monitor", "mute")
    log.warning("the headset is gone, said +491701234567, password=hunter22")
    await until(lambda: heads(server, 4) > 0 and "the headset is gone" in str(texts(server)))
    state = box.logs.state
    assert (state.connected, state.detail, state.dropped) == (True, "", 0)

    rows = list(await asyncio.to_thread(lambda: server.received))
    priorities = {row[5]: row[0] for row in rows}
    assert priorities["audit_head"] == str(16 * 8 + 5)
    assert {row[2] for row in rows} == {"desk-7"}
    (head,) = {row[3] for row in rows if row[5] == "audit_head"}
    assert head == "bargebox-audit"
    numbers = [int(row[6].split('"')[1]) for row in rows]
    assert numbers == list(range(1, len(rows) + 1))  # none is missing, none twice
    told = await asyncio.to_thread(texts, server, "audit_row")
    assert [row.split('"seq":')[1].split("}")[0].split(",")[0] for row in told] == ["3", "4"]
    everything = await asyncio.to_thread(server.file.read_text)
    assert "491701234567" not in everything
    assert "hunter22" not in everything
    assert "said #" in everything

    check = ["audit", "verify", "--database", str(box.folder / "bargebox.sqlite3")]
    marks = ["--heads", str(server.file)]
    assert await asyncio.to_thread(main, [*check, *marks]) == 0
    assert "Whole" in capsys.readouterr().out


async def test_heads_that_arrived_convict_a_log_that_was_cut(
    box: Box, server: LogServer, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("bargebox.sqlite3", "bargebox-audit.head", "bargebox-audit.key")
    # All files together, as they were at some moment: only what had left the box tells.
    await box.audit.append()
    old = {name: (box.folder / name).read_bytes() for name in names[1:]}
    copy = box.folder / "old"
    copy.mkdir()
    await asyncio.to_thread(_backup, box.folder / names[0], copy / names[0])
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await box.write("monitor")
    await until(lambda: heads(server, 3) > 0)
    for name, data in old.items():
        (copy / name).write_bytes(data)
    check = ["audit", "verify", "--database", str(copy / names[0])]
    assert await asyncio.to_thread(main, check) == 0
    capsys.readouterr()
    assert await asyncio.to_thread(main, [*check, "--heads", str(server.file)]) == 1
    assert "NOT AS IT WAS WRITTEN" in capsys.readouterr().out


def _backup(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)


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
    begun = asyncio.get_running_loop().time()
    await box.logs.change("tom", by(server, "tcp"))
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
    monkeypatch.setattr(connection, "SEND_LIMIT_S", 0.5)
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
    assert longest < 0.5
    await box.logs.change("tom", LogForwarding())
    for writer in taken:
        writer.transport.abort()
    slow.close()


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server whose system takes connections, and a little of what comes."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


def connections() -> int:
    names = (Path("/proc/self/fd") / one for one in os.listdir("/proc/self/fd"))
    return sum(one.is_symlink() and str(os.readlink(one)).startswith("socket:") for one in names)


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


async def test_rows_from_the_choice_on_are_told_whenever_the_server_comes(
    box: Box, server: LogServer
) -> None:
    await asyncio.to_thread(server.stop)
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await until(lambda: bool(box.logs.state.detail))
    await box.write("monitor")
    await box.logs.stop()
    box.logs = box.forwarder()
    await box.logs.begin()
    await asyncio.to_thread(server.start)
    await until(lambda: heads(server, 3) > 0)
    (row,) = await asyncio.to_thread(texts, server, "audit_row")
    assert '"seq":3' in row


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
        assert (box.logs.state.connected, box.logs.state.away_since) == (False, since)
        assert len(caplog.messages) <= 2  # or they would feed themselves
    assert ended > 3
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
    async with asyncio.timeout(1):
        assert await asyncio.to_thread(threading.get_ident)
    answers.set()


async def test_the_next_life_goes_on_where_the_former_one_was(box: Box, server: LogServer) -> None:
    await box.logs.begin()
    await box.logs.change("tom", by(server, "tcp", lines="none"))
    await until(lambda: heads(server, 2) > 0)
    await box.logs.stop()
    await box.write("monitor")
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.file.unlink, missing_ok=True)
    await asyncio.to_thread(server.start)
    box.logs = box.forwarder()
    await box.logs.begin()
    await until(lambda: heads(server, 3) > 0)
    (row,) = await asyncio.to_thread(texts, server, "audit_row")
    assert '"seq":3' in row


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
