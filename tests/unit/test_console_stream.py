"""The event stream over real HTTP: what a browser gets, and browsers that go or sleep."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from appliance.console.feed import LIMIT
from appliance.platforms.protocol import PlatformConnection
from tests.support.console_calls import call_number
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served
from tests.support.console_world import World


@pytest.fixture
def server(world: World) -> Iterator[Served]:
    with served(world, max_event_clients=2) as server:
        yield server


class Stream:
    """Reads events in a thread, so that a test can wait for them with patience."""

    def __init__(self, response: httpx.Response) -> None:
        self._events: queue.Queue[tuple[str, Any] | None] = queue.Queue(10_000)
        self._response = response
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        name = ""
        try:
            for line in self._response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self._events.put((name, json.loads(line.removeprefix("data: "))))
        except httpx.HTTPError:
            pass  # the test or the server closed the connection
        self._events.put(None)

    def next(self, wanted: str) -> Any:
        """The data of the next event of that name; None when the stream ended."""
        while (event := self._events.get(timeout=20)) is not None:
            if event[0] == wanted:
                return event[1]
        return None


@contextmanager
def stream(server: Served, headers: dict[str, str]) -> Iterator[Stream]:
    with (
        httpx.Client(base_url=server.url, timeout=20) as client,
        client.stream("GET", "/api/v1/events", headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        reader = Stream(response)
        yield reader
        # Closing the socket is what a browser does; it also ends the reader.
        response.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        reader.thread.join(20)


BEARER = {"Authorization": "Bearer token-sam"}


@pytest.mark.parametrize("person", ["sam", "tom"])
def test_a_page_brings_what_its_reader_s_stream_tells_first(server: Served, person: str) -> None:
    """As data: a platform's text cannot end the element that it stands in."""
    nasty = "</script><script>bad</script>"
    server.do(lambda: server.world.book.take(PlatformConnection(False, nasty)))
    headers = {"Authorization": f"Bearer token-{person}"}
    page = httpx.get(f"{server.url}/panel", headers=headers).text
    brought = json.loads(page.split('id="snapshot">')[1].split("</script>")[0])
    with stream(server, headers) as told:
        snapshot = told.next("snapshot")
    assert brought["platform"]["detail"] == nasty
    assert brought.pop("as_of") <= snapshot.pop("as_of")
    assert brought == snapshot


def test_snapshot_first_then_changes_then_beats(server: Served) -> None:
    with stream(server, BEARER) as events:
        first = events.next("snapshot")
        assert first["active"] == 12
        assert first["monitoring"] == {"state": "idle"}
        assert first["device"]["board"] == "virtual"
        assert "items" not in first
        server.do(lambda: server.world.change(replace(call_number(3), queue="Moved")))
        assert events.next("interaction")["queue"] == "Moved"
        server.do(lambda: server.world.monitoring.levels(-12.5, -100))
        assert events.next("levels")["downlink"] == -12.5
        assert events.next("beat")["as_of"].endswith("Z")


def test_a_change_is_there_at_once(server: Served) -> None:
    with stream(server, BEARER) as events:
        events.next("snapshot")
        delays = []
        for percent in range(20, 30):
            started = time.monotonic()
            asyncio.run_coroutine_threadsafe(
                server.world.monitoring.set_volume(percent), server.loop
            ).result(20)
            assert events.next("device")["volume"] == percent
            delays.append(time.monotonic() - started)
    assert sorted(delays)[len(delays) // 2] < 0.1


def test_too_many_pages_are_refused_in_words(server: Served) -> None:
    with stream(server, BEARER) as one, stream(server, BEARER) as two:
        one.next("snapshot")
        two.next("snapshot")
        answer = httpx.get(f"{server.url}/api/v1/events", headers=BEARER)
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_clients")
    hub = server.app.state.console.hub
    deadline = time.monotonic() + 20
    while hub._feeds and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not hub._feeds


def test_signing_out_ends_the_stream(server: Served) -> None:
    with httpx.Client(base_url=server.url) as client:
        client.post("/api/v1/session", json={"user": "sam", "password": PASSWORD})
        cookie = {"Cookie": f"bargebox_session={client.cookies['bargebox_session']}"}
        with stream(server, cookie) as events:
            events.next("snapshot")
            client.delete("/api/v1/session", headers={"X-Bargebox": "1"})
            assert events.next("never") is None


def test_a_reader_that_does_not_read_holds_nobody_up(server: Served) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        request = client.build_request("GET", "/api/v1/events", headers=BEARER)
        stuck = client.send(request, stream=True)
        long = "x" * 5000
        with stream(server, BEARER) as events:
            events.next("snapshot")
            device = server.world.monitoring.box

            def change(number: int) -> None:
                headset = device.headset.model_copy(update={"detail": f"{long}{number}"})
                server.world.monitoring.tell(replace(device, headset=headset))

            for n in range(3000):
                server.do(partial(change, n))
            feeds = server.do(lambda: [len(f._queue) for f in server.app.state.console.hub._feeds])
            assert max(feeds) <= LIMIT
            while not events.next("device")["headset"]["detail"].endswith("2999"):
                pass
        stuck.close()


BURST = 20
"""So many events at once that some always wait to be sent."""


@pytest.fixture
def busy_server(world: World) -> Iterator[Served]:
    with served(world) as server:
        yield server


def test_browsers_that_leave_in_mid_event_are_no_accident(
    busy_server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A closed page is everyday life; an error with a traceback in the log would hide real ones."""
    monitoring = busy_server.world.monitoring
    stopped = threading.Event()

    def chatter() -> None:
        if not stopped.is_set():
            for _ in range(BURST):
                monitoring.tell(monitoring.box)
            busy_server.loop.call_later(0.001, chatter)

    busy_server.loop.call_soon_threadsafe(chatter)
    with caplog.at_level(logging.INFO):
        for _ in range(30):
            with stream(busy_server, BEARER) as events:
                events.next("device")
        hub = busy_server.app.state.console.hub
        deadline = time.monotonic() + 20
        while hub._feeds and time.monotonic() < deadline:
            time.sleep(0.02)
    stopped.set()
    assert not hub._feeds
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
