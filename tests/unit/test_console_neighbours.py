"""Neighbours that hold connections keep no supervisor from muting; over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.support.console_served import Served
from tests.support.console_world import World
from tests.support.strangers import (
    BEARER,
    ELSEWHERE,
    GET,
    HERE,
    MICROPHONE,
    PLACES,
    call,
    displaced,
    eventually,
    go_live,
    signed_in,
    visitors,
    with_places,
)

NEIGHBOURS = 1000


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with with_places(world) as server:
        yield server


@pytest.mark.parametrize("source", [ELSEWHERE, HERE])
def test_a_thousand_silent_neighbours_do_not_keep_anybody_from_muting(
    server: Served, source: str
) -> None:
    with ExitStack() as stack:
        page, early = (stack.enter_context(signed_in(server)) for _ in range(2))
        go_live(early)
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
            go_live(first)
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
