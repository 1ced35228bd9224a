"""The event stream: snapshot first, nothing lost that matters, never in the sender's way."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from appliance.console.feed import LIMIT, Event, Feed
from appliance.console.hub import FLUSH_EVERY, MAX_PENDING, EventHub
from appliance.console.metrics import Counters
from appliance.console.settings import ConsoleError
from appliance.control_link.messages import Levels, Quality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.session import MonitoringView
from appliance.platforms.protocol import PlatformConnection
from tests.support.console_world import PASSWORD, Served, World, call_number, make_world, served

SAM = Account("sam", "Supervisor", ROLES["Supervisor"])
TOM = Account("tom", "Technician", ROLES["Technician"])


# -- one client's outbox


def fresh() -> Feed:
    feed = Feed(SAM)
    feed.stale = False
    return feed


def test_before_the_snapshot_nothing_queues() -> None:
    feed = Feed(SAM)
    feed.push(Event("monitoring", "{}"))
    feed.replace(Event("levels", "{}"))
    assert feed.take() == []
    assert feed.stale


def test_levels_never_pile_up() -> None:
    feed = fresh()
    for n in range(1000):
        feed.replace(Event("levels", str(n)))
    feed.push(Event("device", "{}"))
    assert feed.take() == [Event("device", "{}"), Event("levels", "999")]
    assert feed.take() == []


def test_an_overflow_asks_for_a_snapshot_and_forgets_the_rest() -> None:
    feed = fresh()
    for n in range(LIMIT):
        feed.push(Event("interaction", str(n)))
    assert len(feed._queue) == LIMIT
    feed.push(Event("interaction", "one too many"))
    assert feed.stale
    assert feed.take() == []
    feed.push(Event("interaction", "moot until the snapshot"))
    assert feed.take() == []


async def test_waiting_ends_with_an_event_and_with_time() -> None:
    feed = fresh()
    await feed.wait(0.01)
    asyncio.get_running_loop().call_later(0.01, feed.push, Event("device", "{}"))
    async with asyncio.timeout(20):
        await feed.wait(60)
    assert feed.take()


# -- the hub


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
async def hub(world: World) -> AsyncIterator[EventHub]:
    hub = EventHub(world.ports(), Counters(), max_clients=3)
    hub.start()
    task = asyncio.create_task(hub.run())
    yield hub
    hub.shut()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


async def flushed() -> None:
    await asyncio.sleep(2 * FLUSH_EVERY)


async def test_interactions_are_coalesced_to_the_latest(world: World, hub: EventHub) -> None:
    feed = hub.open(SAM)
    hub.snapshot(feed)
    world.change(replace(call_number(1), queue="first"))
    await flushed()
    feed.take()
    for n in range(50):
        world.change(replace(call_number(1), queue=f"queue {n}"))
    await flushed()
    events = feed.take()
    assert names(events) == ["interaction"]
    assert json.loads(events[0].data)["queue"] == "queue 49"
    assert len(events[0].data) < 500


async def test_a_flood_becomes_a_snapshot(world: World, hub: EventHub) -> None:
    feed = hub.open(SAM)
    hub.snapshot(feed)
    for n in range(MAX_PENDING + 10):
        world.change(call_number(n))
    await flushed()
    events = feed.take()
    assert names(events)[-1] == "snapshot"
    assert len(events) <= 2
    assert json.loads(events[-1].data)["active"] == MAX_PENDING + 10


async def test_a_lost_platform_is_told_by_a_snapshot(world: World, hub: EventHub) -> None:
    feed = hub.open(SAM)
    hub.snapshot(feed)
    world.book.take(PlatformConnection(False, "Check the network."))
    await flushed()
    (event,) = feed.take()
    assert json.loads(event.data)["platform"]["detail"] == "Check the network."


async def test_everything_else_goes_at_once_and_in_order(world: World, hub: EventHub) -> None:
    feed = hub.open(SAM)
    hub.snapshot(feed)
    await world.monitoring.monitor(SAM, "call-00001")
    world.monitoring.gate(False)
    world.monitoring.tell(Levels(session_id="s", downlink=-20, uplink=-30))
    quality = Quality(
        session_id="s", received=9, lost=1, concealed_ms=20, jitter_ms=2, delay_ms=40, sent=9
    )
    world.monitoring.tell(quality)
    events = feed.take()  # without a pause: no flush was needed
    assert [n for n in names(events) if n != "device"] == [
        "monitoring",
        "monitoring",
        "levels",
        "quality",
    ]
    assert json.loads(events[-2].data) == {"session_id": "s", "downlink": -20, "uplink": -30}


async def test_a_technician_hears_of_the_device_only(world: World, hub: EventHub) -> None:
    feed = hub.open(TOM)
    snapshot = json.loads(hub.snapshot(feed).data)
    assert snapshot["active"] == 0
    await world.monitoring.monitor(SAM, "call-00001")
    world.change(call_number(1))
    world.monitoring.levels(-20, -20)
    await flushed()
    events = feed.take()
    assert set(names(events)) == {"monitoring", "device", "snapshot"}
    for event in events:
        if event.name == "monitoring":
            assert json.loads(event.data) == {"state": "listening"}
    assert "call-00001" not in "".join(event.data for event in events)


async def test_clients_are_bounded_and_leave_no_trace(hub: EventHub) -> None:
    feeds = [hub.open(SAM) for _ in range(3)]
    with pytest.raises(ConsoleError) as refused:
        hub.open(SAM)
    assert refused.value.status == 503
    hub.close(feeds[0])
    hub.open(SAM)
    hub.shut()
    assert all(feed.closed for feed in feeds[1:])
    with pytest.raises(ConsoleError):
        hub.open(SAM)


async def test_an_ended_call_is_told_as_long_as_it_can_be_seen(world: World, hub: EventHub) -> None:
    feed = hub.open(SAM)
    hub.snapshot(feed)
    await world.monitoring.monitor(SAM, "call-00001")
    world.monitoring.end(EndReason.CUSTOMER_ENDED)
    await flushed()
    feed.take()
    world.change(replace(call_number(1), state="ended"))
    world.change(replace(call_number(2), state="ended"))
    await flushed()
    told = [json.loads(event.data) for event in feed.take()]
    assert ("call-00001", "ended") in [(one.get("id"), one.get("state")) for one in told]


def test_sessions_barges_and_ends_are_counted(world: World) -> None:
    counters = Counters()
    world.monitoring.listen(
        lambda notice: counters.saw_session(notice) if isinstance(notice, MonitoringView) else None
    )
    asyncio.run(world.monitoring.monitor(SAM, "call-00001"))
    for muted in (False, True, False, True):
        world.monitoring.gate(muted, Audience.AGENT)
    world.monitoring.end(EndReason.CUSTOMER_ENDED)
    assert (counters.sessions, counters.barges) == (1, 2)
    assert counters.ends == {"customer_ended": 1}


# -- over real HTTP


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

            def fail(number: int) -> None:
                fault = replace(device, fault_code="f", fault=f"{long}{number}")
                server.world.monitoring.tell(fault)

            for n in range(3000):
                server.do(partial(fail, n))
            feeds = server.do(lambda: [len(f._queue) for f in server.app.state.console.hub._feeds])
            assert max(feeds) <= LIMIT
            while not events.next("device")["fault"]["detail"].endswith("2999"):
                pass
        stuck.close()
