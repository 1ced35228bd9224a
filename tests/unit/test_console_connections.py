"""Strangers' connections, idle, slow or rude, keep no supervisor from muting; over real sockets."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.console import door as door_module
from appliance.console.connection import LIMITS, Stage
from appliance.console.door import Door
from appliance.console.metrics import Counters
from appliance.console.visitors import FAIR_SHARE, SPARE, Visit, Visitors
from tests.support.console_served import Served, served
from tests.support.console_world import World

BEARER = {"Authorization": "Bearer token-sam"}
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
MICROPHONE = "/api/v1/monitoring/microphone"
STREAMS = 10
PLACES = STREAMS + SPARE
NEIGHBOURS = 1000
GET = b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n"
POST = b"POST /api/v1/session HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    """Enough for both ends of every connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4096), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with served(world, max_event_clients=STREAMS) as server:
        yield server


def call(server: Served, source: str = HERE) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), 20, (source, 0))


def visitors(server: Served) -> int:
    return server.do(lambda: len(server.app.state.console.visitors))


def displaced(server: Served) -> int:
    return server.do(lambda: int(server.app.state.console.counters.displaced))


def eventually(holds: Callable[[], bool], timeout: float = 20.0) -> bool:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False


def answer(connection: socket.socket) -> bytes:
    """Everything until the other side closes, which must come; nothing when it is cut."""
    connection.settimeout(20)
    data = b""
    try:
        while more := connection.recv(65536):
            data += more
    except ConnectionError:
        return data
    return data


def go_live(server: Served, client: httpx.Client) -> None:
    assert client.post("/api/v1/interactions/call-00001/monitor").status_code == 201
    assert client.put(MICROPHONE, json={"muted": False}).json()["muted"] is False


@contextmanager
def signed_in(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=BEARER, timeout=10) as client:
        yield client


# -- neighbours that hold connections


@pytest.mark.parametrize("source", [ELSEWHERE, HERE])
def test_a_thousand_silent_neighbours_do_not_keep_anybody_from_muting(
    server: Served, source: str
) -> None:
    with ExitStack() as stack:
        page, early = (stack.enter_context(signed_in(server)) for _ in range(2))
        go_live(server, early)
        events = stack.enter_context(page.stream("GET", "/api/v1/events"))
        lines = events.iter_lines()
        assert next(lines) == "retry: 500"
        for _ in range(NEIGHBOURS):
            stack.enter_context(call(server, source))
        assert eventually(lambda: visitors(server) == PLACES)
        began = time.monotonic()
        assert early.put(MICROPHONE, json={"muted": True}).json()["muted"] is True
        late = stack.enter_context(signed_in(server))
        assert late.put(MICROPHONE, json={"muted": False}).json()["muted"] is False
        assert late.put(MICROPHONE, json={"muted": True}).json()["muted"] is True
        assert time.monotonic() - began < 5
        assert any(line == "event: beat" for line in lines)
        assert displaced(server) >= NEIGHBOURS - PLACES
        assert visitors(server) == PLACES


@pytest.mark.parametrize("source", [ELSEWHERE, HERE])
@pytest.mark.parametrize("words", [b"", GET])
def test_neighbours_that_come_again_and_again_do_not_either(
    server: Served, source: str, words: bytes
) -> None:
    enough = threading.Event()

    def besiege() -> None:
        held: deque[socket.socket] = deque()
        while not enough.is_set():
            with suppress(OSError):  # cut already
                held.append(call(server, source))
                held[-1].sendall(words)
            if len(held) > 3 * PLACES:
                held.popleft().close()
        for connection in held:
            connection.close()

    crowd = threading.Thread(target=besiege, name="besiegers")
    crowd.start()
    try:
        assert eventually(lambda: displaced(server) > 0)
        with signed_in(server) as first:
            go_live(server, first)
        for turn in range(20):
            with signed_in(server) as fresh:
                muted = turn % 2 == 0
                assert fresh.put(MICROPHONE, json={"muted": muted}).json()["muted"] is muted
    finally:
        enough.set()
        crowd.join(20)


def test_a_full_house_is_told_once_and_counted(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        for _ in range(PLACES + 50):
            stack.enter_context(call(server))
        assert eventually(lambda: displaced(server) >= 50)
    told = [r.getMessage() for r in caplog.records if "are taken" in r.getMessage()]
    assert len(told) == 1
    assert str(PLACES) in told[0]
    metrics = httpx.get(f"{server.url}/metrics", headers={"Authorization": "Bearer token-tom"})
    assert "bargebox_connections_displaced_total" in metrics.text
    assert eventually(lambda: visitors(server) <= 1)


# -- connections that keep the box waiting


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


def unread(server: Served) -> bool:
    """Some connection is full of what the other side does not read."""
    connections = server.do(lambda: list(server.app.state.console.visitors._visits.values()))
    transports = [getattr(visit.end, "__self__", None) for visit in connections]
    return any(
        t.get_write_buffer_size() > 0 for t in transports if isinstance(t, asyncio.Transport)
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("half_closed", [False, True])
def test_an_answer_that_nobody_reads_is_given_up(server: Served, half_closed: bool) -> None:
    with call(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        schema = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: box\r\n\r\n" * 10_000
        with suppress(TimeoutError, ConnectionError):
            connection.sendall(schema)
        assert eventually(lambda: unread(server))
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
            go_live(server, client)
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


# -- who gives way


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class House:
    """A house with so many places, and who was shown out of it."""

    def __init__(self, limit: int) -> None:
        self.counters = Counters()
        self.visitors = Visitors(limit, self.counters, Clock())
        self.out: list[str] = []
        self._port = 0

    def enter(self, name: str, address: str = HERE, **state: bool) -> Visit | None:
        self._port += 1
        visit = self.visitors.enter((address, self._port))
        if visit is not None:
            visit.end = lambda: self.out.append(name)
            visit.known, visit.busy = state.get("known", False), state.get("busy", False)
        return visit


def test_the_oldest_stranger_gives_way_and_the_signed_in_stay() -> None:
    house = House(4)
    house.enter("sam", known=True)
    first = house.enter("first")
    house.enter("second")
    house.enter("stream", known=True, busy=True)
    assert house.enter("third")
    assert house.out == ["first"]
    assert first is not None
    house.visitors.leave(first)
    assert len(house.visitors) == 4
    house.enter("fourth")
    house.enter("fifth")
    assert house.out == ["first", "second", "third"]
    assert house.counters.displaced == 3


def test_a_connection_that_moves_is_not_the_oldest() -> None:
    house = House(2)
    first = house.enter("first")
    house.enter("second")
    assert first is not None
    house.visitors.turn(first, busy=True)
    house.visitors.turn(first, busy=False)
    house.enter("third")
    assert house.out == ["second"]


def test_a_crowd_from_one_address_gives_way_first_even_when_it_is_busy() -> None:
    house = House(FAIR_SHARE + 2)
    house.enter("guest", ELSEWHERE)
    for number in range(FAIR_SHARE + 1):
        house.enter(f"crowd {number}", busy=number == 0)
    house.enter("newcomer", ELSEWHERE)
    assert house.out == ["crowd 1"], "the idle one first"
    house.enter("another", ELSEWHERE)
    assert house.out == ["crowd 1", "guest"], "a fair share is not held against an address"


def test_the_signed_in_give_way_only_when_all_are_and_never_while_answered() -> None:
    house = House(2)
    rest = house.enter("rest", known=True)
    house.enter("stream", known=True, busy=True)
    assert house.enter("new", known=True, busy=True)
    assert house.out == ["rest"]
    assert rest is not None
    assert house.enter("one too many") is None
    assert len(house.visitors) == 2
    assert house.out == ["rest"]


def test_only_a_valid_sign_in_makes_known(server: Served) -> None:
    def known() -> list[bool]:
        return [visit.known for visit in server.app.state.console.visitors._visits.values()]

    for headers, is_known in (({}, False), ({"Authorization": "Bearer no"}, False), (BEARER, True)):
        with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
            client.get("/api/v1/session")
            assert server.do(known) == [is_known]
        assert eventually(lambda: visitors(server) == 0)
    with httpx.Client(base_url=server.url, timeout=20) as client:
        client.post("/api/v1/session", json={"user": "sam", "password": "wrong"})
        assert server.do(known) == [False]


async def test_without_descriptors_the_door_waits_and_opens_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Poor(socket.socket):
        refusals = 3

        def accept(self) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(door_module, "PAUSE_S", 0.01)
    came = asyncio.Event()

    class Greeter(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            came.set()
            transport.close()

    house = House(9)
    idle = house.enter("idle")
    with Poor() as listener:
        listener.bind((HERE, 0))
        listener.listen()
        listener.setblocking(False)
        door = Door(listener, house.visitors)
        door.open(lambda visit: Greeter())
        async with asyncio.timeout(20):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await came.wait()
        writer.close()
        door.close()
    assert idle is not None
    assert house.out == ["idle"]
    assert caplog.text.count("cannot be accepted") == 1  # said once a minute
