"""Strangers at the page's door: raw connections to a served box, and what became of them."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from appliance.console.visitors import SPARE
from tests.support.console_served import Served, served
from tests.support.console_world import World

BEARER = {"Authorization": "Bearer token-sam"}
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
MICROPHONE = "/api/v1/monitoring/microphone"
STREAMS = 10
PLACES = STREAMS + SPARE
GET = b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n"
POST = b"POST /api/v1/session HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def with_places(world: World, streams: int = STREAMS) -> Iterator[Served]:
    """A box with so many event streams, and descriptors for both ends of every connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4096), before[1]))
    try:
        with served(world, max_event_clients=streams) as server:
            yield server
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def call(server: Served, source: str = HERE) -> socket.socket:
    """A connection from that address."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), 20, (source, 0))


def visitors(server: Served) -> int:
    """How many connections there are."""
    return server.do(lambda: len(server.app.state.console.visitors))


def displaced(server: Served) -> int:
    """How many were shown out for others."""
    return server.do(lambda: int(server.app.state.console.counters.displaced))


def eventually(holds: Callable[[], bool], timeout: float = 20.0) -> bool:
    """Whether it comes true in time."""
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


def go_live(client: httpx.Client) -> None:
    """Monitor the first call, and barge in."""
    assert client.post("/api/v1/interactions/call-00001/monitor").status_code == 201
    assert client.put(MICROPHONE, json={"muted": False}).json()["muted"] is False


@contextmanager
def signed_in(server: Served) -> Iterator[httpx.Client]:
    """A supervisor's client."""
    with httpx.Client(base_url=server.url, headers=BEARER, timeout=10) as client:
        yield client
