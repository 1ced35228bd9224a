"""Watching through the API, and the event that tells of a watched call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from appliance.console import alerts
from appliance.console.feed import Feed
from appliance.console.hub import EventHub
from appliance.console.metrics import Counters
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Permission
from appliance.monitoring.watches import MAX_WATCHES, Kind, Watched, WatchError
from tests.support.console_calls import call_number
from tests.support.console_world import World

SAM = {"Authorization": "Bearer token-sam"}
SUE = {"Authorization": "Bearer token-sue"}
TOM = {"Authorization": "Bearer token-tom"}
ANA = Watched(Kind.AGENT, "agent-0", "Ana López")
API = "/api/v1/watches"


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.headers.update(SAM)
    return client


async def test_watch_list_and_watch_no_more(client: httpx.AsyncClient) -> None:
    empty = (await client.get(API)).json()
    assert (empty["items"], empty["most"]) == ([], MAX_WATCHES)
    offered = [(one["kind"], one["name"]) for one in empty["offered"]]
    assert offered[:2] == [("agent", "Ana López"), ("agent", "Ben Okafor")]
    assert offered[-3:] == [("queue", "Billing"), ("queue", "Sales"), ("queue", "Support")]
    answer = await client.put(f"{API}/agent/agent-0", json={"name": " Ana López "})
    ana = {"kind": "agent", "target": "agent-0", "name": "Ana López"}
    assert answer.status_code == 200
    assert answer.json()["items"] == [ana]
    assert ana not in answer.json()["offered"]
    queue = "Sales/EMEA & <b>co</b>?"
    await client.put(f"{API}/queue/{quote(queue, safe='')}")
    listed = (await client.get(API)).json()["items"]
    assert listed == [ana, {"kind": "queue", "target": queue, "name": queue}]
    assert (await client.get(API, headers=SUE)).json()["items"] == []
    for _ in range(2):
        answer = await client.delete(f"{API}/queue/{quote(queue, safe='')}")
        assert answer.json()["items"] == [ana]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customer/x", None),
        ("agent/", None),
        (f"agent/{'x' * 201}", None),
        ("agent/x", {"name": "x" * 201}),
        ("agent/x", {"nickname": "x"}),
    ],
)
async def test_what_cannot_be_watched(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.put(f"{API}/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert (await client.get(API)).json()["items"] == []


async def test_one_too_many_says_what_to_do(world: World, client: httpx.AsyncClient) -> None:
    world.watches.fail_with = WatchError("You watch 50 agents and queues already.")
    answer = await client.put(f"{API}/agent/agent-0")
    assert answer.status_code == 409
    assert answer.json()["code"] == "too_many_watches"


async def test_who_may_not_monitor_cannot_watch(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("PUT", "/agent/a"), ("DELETE", "/agent/a")):
        answer = await client.request(method, API + path, headers=TOM)
        assert answer.status_code == 403


@pytest.fixture
async def hub(world: World) -> AsyncIterator[EventHub]:
    hub = EventHub(world.ports(), Counters(), max_clients=5)
    hub.start()
    yield hub
    hub.shut()


def opened(world: World, hub: EventHub, name: str, *, is_page: bool = True) -> Feed:
    feed = hub.open(world.accounts.accounts[name], is_page=is_page)
    hub.snapshot(feed)
    return feed


async def test_a_watched_call_is_told_to_its_account_on_every_page(
    world: World, hub: EventHub
) -> None:
    one, two, sue = (opened(world, hub, name) for name in ("sam", "sam", "sue"))
    world.monitoring.tell(Alert("sam", call_number(1), (ANA,)))
    assert sue.take() == []
    for feed in (one, two):
        (event,) = feed.take()
        assert event.name == "watch"
        data = json.loads(event.data)
        assert data["interaction"]["id"] == "call-00001"
        assert data["interaction"]["monitorable"] is True
        assert data["because"] == [{"kind": "agent", "target": "agent-0", "name": "Ana López"}]
    assert world.monitoring.announced == ["sam"]


async def test_the_box_says_it_only_where_somebody_looks(
    world: World, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "KEPT_S", 0.0)
    world.monitoring.tell(Alert("sam", call_number(1), (ANA,)))
    script = opened(world, hub, "sam", is_page=False)
    opened(world, hub, "sue")
    world.monitoring.tell(Alert("sam", call_number(1), (ANA,)))
    assert [event.name for event in script.take()] == ["watch"]
    assert world.monitoring.announced == []
    opened(world, hub, "sam")
    world.monitoring.tell(Alert("sam", call_number(99_999), (ANA,)))  # over already
    assert world.monitoring.announced == []
    world.monitoring.tell(Alert("sam", call_number(1), (ANA,)))
    assert world.monitoring.announced == ["sam"]


async def test_who_is_between_two_pages_is_told_by_the_next_one_and_once(
    world: World, hub: EventHub
) -> None:
    waiting = hub.open(world.accounts.accounts["sam"])  # its first answer is on its way
    for number in (1, 99_999, 2):
        world.monitoring.tell(Alert("sam", call_number(number), (ANA,)))
    script, sue = opened(world, hub, "sam", is_page=False), opened(world, hub, "sue")
    assert world.monitoring.announced == []
    hub.snapshot(waiting)
    told = [json.loads(event.data)["interaction"]["id"] for event in waiting.take()]
    assert told == ["call-00001", "call-00002"]
    assert world.monitoring.announced == ["sam"]
    assert opened(world, hub, "sam").take() == []
    assert script.take() == sue.take() == []
    assert world.monitoring.announced == ["sam"]


async def test_a_token_that_is_permitted_less_learns_less(world: World, hub: EventHub) -> None:
    sam = world.accounts.accounts["sam"]
    await world.monitoring.monitor(world.accounts.accounts["sue"], "call-00001")
    whole = opened(world, hub, "sam")
    rights: tuple[set[Permission], ...] = (
        {Permission.MONITOR_ALL_CALLS},
        {Permission.VIEW_ALL_MONITORED_CALLS},
        set(),
    )
    tokens = []
    for permissions in rights:
        tokens.append(hub.open(replace(sam, permissions=frozenset(permissions)), is_page=False))
        hub.snapshot(tokens[-1])
    world.monitoring.tell(Alert("sam", call_number(1), (ANA,)))
    told = {feed: [json.loads(event.data) for event in feed.take()] for feed in (whole, *tokens)}
    assert told[tokens[1]] == told[tokens[2]] == []
    (all_of_it,), (less,) = told[whole], told[tokens[0]]
    assert [one["supervisor"] for one in all_of_it["interaction"]["monitors"]] == ["sue"]
    assert less["interaction"]["monitors"] == []
    world.change(call_number(1))
    hub._flush()
    monitors = [json.loads(feed.take()[-1].data).get("monitors") for feed in (whole, tokens[0])]
    assert [len(found) for found in monitors] == [1, 0]


async def test_a_stream_opened_with_a_token_is_no_page(app: FastAPI) -> None:
    hub: EventHub = app.state.console.hub
    seen: list[bool] = []
    real = hub.open

    def spy(account: object, *, is_page: bool = True) -> Feed:
        seen.append(is_page)
        feed = real(account, is_page=is_page)  # type: ignore[arg-type]
        feed.close()
        return feed

    hub.open = spy  # type: ignore[method-assign]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
        await client.get("/api/v1/events", headers=SAM)
        signed_in = {"user": "sam", "password": "correct horse battery"}
        await client.post("/api/v1/session", json=signed_in)
        await client.get("/api/v1/events")
    assert seen == [False, True]
