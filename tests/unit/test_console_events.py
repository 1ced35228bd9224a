"""The event stream: snapshot first, nothing lost that matters, never in the sender's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from appliance.console.feed import LIMIT, Event, Feed
from appliance.console.hub import FLUSH_EVERY, MAX_PENDING, EventHub
from appliance.console.metrics import Counters
from appliance.console.settings import ConsoleError
from appliance.control_link.events import Levels, Quality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.session import MonitoringView
from appliance.platforms.protocol import PlatformConnection
from tests.support.console_calls import call_number
from tests.support.console_world import World

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


async def test_a_page_that_opens_later_gets_the_last_minute_of_the_sound(
    world: World, hub: EventHub
) -> None:
    def snapshot(account: Account) -> dict[str, Any]:
        feed = hub.open(account)
        body: dict[str, Any] = json.loads(hub.snapshot(feed).data)
        hub.close(feed)
        return body

    def told(account: Account) -> list[float | None]:
        recent: list[float | None] = snapshot(account)["recent_mos"]
        return recent

    assert told(SAM) == []
    assert snapshot(SAM)["quality"] is None
    await world.monitoring.monitor(SAM, "call-00001")
    for second in range(70):
        world.monitoring.quality(None if second == 69 else 4.0 + second / 1000)
    assert len(told(SAM)) == 60
    assert told(SAM)[0] == 4.01
    assert told(SAM)[-1] is None
    assert snapshot(SAM)["quality"]["lost"] == 5
    assert told(TOM) == []
    assert snapshot(TOM)["quality"] is None
    world.monitoring.end(EndReason.CUSTOMER_ENDED)
    assert told(SAM) == []
    assert snapshot(SAM)["quality"] is None


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
