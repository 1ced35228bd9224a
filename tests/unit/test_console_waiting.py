"""Connections that are slow, rude or asleep do not keep the box waiting; over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from appliance.console.connection import LIMITS, Stage
from tests.support.console_served import Served
from tests.support.console_world import World
from tests.support.strangers import (
    CHUNKED,
    GET,
    POST,
    answer,
    call,
    eventually,
    go_live,
    signed_in,
    visitors,
    with_places,
)


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with with_places(world) as server:
        yield server


@contextmanager
def dripping(connection: socket.socket, byte: bytes) -> Iterator[None]:
    """Somebody sends a byte each now and then, for as long as it is taken."""
    done = threading.Event()

    def drip() -> None:
        while not done.wait(0.05):
            try:
                connection.sendall(byte)
            except OSError:
                return

    thread = threading.Thread(target=drip, name="drip")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(20)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in LIMITS.keys() - {Stage.ANSWERING}:
        monkeypatch.setitem(LIMITS, stage, 0.6)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("drop", [b"", b"x"])
@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: box\r\nX-Long: ",
        POST + b"Content-Length: 6000\r\n\r\n{",
        GET,
        GET + POST + b"Content-Length: 6000\r\n\r\n{",
        POST + b"Content-Length: 700000\r\n\r\n{",
        CHUNKED + b"1000\r\n",
    ],
)
def test_nobody_keeps_the_box_waiting(
    server: Served, words: bytes, drop: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with call(server) as connection:
        began = time.monotonic()
        connection.sendall(words)
        with dripping(connection, drop) if drop else ExitStack():
            answer(connection)
        assert time.monotonic() - began < 5
    assert eventually(lambda: visitors(server) == 0)
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


def transports(server: Served) -> list[asyncio.Transport]:
    """The box's ends of all connections."""
    visits = server.do(lambda: list(server.app.state.console.visitors._visits.values()))
    ends = [getattr(visit.end, "__self__", None) for visit in visits]
    return [end for end in ends if isinstance(end, asyncio.Transport)]


def test_no_answer_waits_until_its_beginning_was_acknowledged(server: Served) -> None:
    with call(server) as connection:
        connection.sendall(GET)
        assert connection.recv(1)
        (end,) = transports(server)
        at_once = end.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert at_once, "head and body are two writes, 40 ms apart with many a browser"


def hold_little(server: Served) -> bool:
    """The kernel keeps little of what is sent; 4 MB take seconds to fill on a busy machine."""
    found = transports(server)
    for end in found:
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return bool(found)


def unread(server: Served) -> bool:
    """Some connection is full of what the other side does not read."""
    return any(end.get_write_buffer_size() > 0 for end in transports(server))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("half_closed", [False, True])
def test_an_answer_that_nobody_reads_is_given_up(server: Served, half_closed: bool) -> None:
    with call(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.1)  # well before it is given up
        assert eventually(lambda: hold_little(server))
        file = b"GET /static/css/base.css HTTP/1.1\r\nHost: box\r\n\r\n" * 1_000
        with suppress(TimeoutError, ConnectionError):
            connection.sendall(file)
        # On a busy machine it may be over before anybody looks.
        assert eventually(lambda: unread(server) or visitors(server) == 0)
        if half_closed:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        assert eventually(lambda: visitors(server) == 0)


@pytest.mark.usefixtures("impatient")
def test_a_page_that_sleeps_is_let_go(server: Served, world: World) -> None:
    box = world.monitoring.box
    long = replace(box, headset=box.headset.model_copy(update={"detail": "x" * 10_000}))
    with signed_in(server) as page, page.stream("GET", "/api/v1/events") as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 500"
        for _ in range(3000):
            server.do(partial(world.monitoring.tell, long))
        assert eventually(lambda: visitors(server) == 0)


@pytest.mark.usefixtures("impatient")
def test_a_stream_a_slow_answer_and_a_used_connection_stay(
    server: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = world.monitoring.monitor

    async def slowly(*arguments: Any) -> Any:
        await asyncio.sleep(1.5)
        return await join(*arguments)

    monkeypatch.setattr(world.monitoring, "monitor", slowly)
    with signed_in(server) as page, page.stream("GET", "/api/v1/events") as events:
        beats = (line for line in events.iter_lines() if line == "event: beat")
        with call(server) as used:
            for _ in range(4):
                used.sendall(GET)
                time.sleep(0.4)
                assert used.recv(4096).startswith(b"HTTP/1.1 200")
        with signed_in(server) as client:
            go_live(client)
        for _ in range(4):
            assert next(beats)


@pytest.mark.parametrize("words", [CHUNKED, b"GET /none HTTP/1.1\r\nHost: box\r\n\r\n"])
@pytest.mark.parametrize("rest", [b"zzz\r\nzzz\r\n", b"\x00\xff\r\n\r\n"])
@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_garbage_after_a_request_is_no_accident(
    server: Served, words: bytes, rest: bytes, pause: float, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that reaches the loop would end the whole process."""
    with call(server) as connection:
        if pause:
            connection.sendall(words)
            time.sleep(pause)
        connection.sendall(rest if pause else words + rest)
        connection.shutdown(socket.SHUT_WR)
        assert answer(connection).startswith(b"HTTP/1.1 4")
    assert eventually(lambda: visitors(server) == 0)
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
