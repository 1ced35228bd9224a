"""The first start, and a person's checks, as the API and the page tell them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from appliance.control_link.words import Button, CheckKind
from appliance.monitoring.store import StoreError
from appliance.platforms.protocol import Check
from tests.support.console_world import World, make_world

ADMIN = {"Authorization": "Bearer token-admin"}
SAM = {"Authorization": "Bearer token-sam"}
HTML = {"Accept": "text/html"}
CHECKED = "/api/v1/device/check"
STEPS = "/api/v1/first-start"


@pytest.fixture
def world() -> World:
    world = make_world(3)
    world.begin_first_start()
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = await asyncio.to_thread(world.app)
    await world.certificates.begin()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://box", headers=ADMIN
    ) as client:
        yield client


async def test_a_step_is_refused_with_words_and_done_with_what_was_found(
    world: World, client: httpx.AsyncClient
) -> None:
    told = (await client.get(STEPS)).json()
    assert (told["unfinished"], told["in_service"], told["next"]) == (True, None, "name")
    assert told["steps"][0]["words"] == "The one-time password was changed."
    answer = await client.post(f"{STEPS}/steps/platform", json={}, headers={"X-Bargebox": "de"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_verified")
    assert answer.json()["detail"].startswith("The test of the connection failed. The password")
    assert answer.json()["told"]["detail"].startswith("Der Test der Verbindung ist gescheitert.")
    world.platform.checks = (Check("address", passed=True, detail=""),)
    done = (await client.post(f"{STEPS}/steps/platform", json={})).json()
    (step,) = [one for one in done["steps"] if one["step"] == "platform"]
    assert (step["state"], step["who"]) == ("done", "admin")
    assert step["words"] == "Sandbox can be used: all steps of the test passed (1)."
    row = world.audit.rows[-1]
    assert (row.actor, row.action) == ("admin", "first_start_step")
    assert json.loads(row.detail) == {
        "step": "platform",
        "state": "done",
        "verified": step["words"],
    }


async def test_without_a_system_bus_the_steps_say_so_and_are_set_aside(
    world: World, client: httpx.AsyncClient
) -> None:
    await client.get(STEPS)
    for step in ("name", "network", "time"):
        answer = await client.post(f"{STEPS}/steps/{step}", json={})
        assert answer.status_code == 409
        assert "cannot be" in answer.json()["detail"]
    assert (await client.post(f"{STEPS}/finish")).json()["code"] == "steps_open"
    refused = await client.post(f"{STEPS}/steps/password/set-aside")
    assert (refused.status_code, refused.json()["code"]) == (409, "step_needed")
    for step in (
        *("name", "network", "time", "certificate", "platform", "headset", "panel", "supervisor"),
    ):
        now = (await client.post(f"{STEPS}/steps/{step}/set-aside")).json()
    assert now["next"] is None
    ended = (await client.post(f"{STEPS}/finish")).json()
    assert not ended["unfinished"]
    assert ended["in_service"] is not None
    assert world.audit.rows[-1].action == "in_service"
    late = await client.post(f"{STEPS}/steps/time/set-aside")
    assert late.json()["code"] == "no_first_start"


async def test_the_first_sign_in_leads_there_and_a_stranger_comes_back_to_it(
    world: World, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/")).headers["location"] == "/first-start"
    assert (await client.get("/", headers=SAM)).headers["location"] == "/interactions"
    stranger = await client.get("/first-start", headers={**HTML, "Authorization": ""})
    assert stranger.headers["location"] == "/sign-in?to=/first-start"
    assert (await client.get("/first-start?step=none", headers=HTML)).status_code == 422
    assert (await client.get("/first-start", headers={**HTML, **SAM})).status_code == 403


async def test_to_look_works_whatever_the_disk_and_the_password(
    world: World, client: httpx.AsyncClient
) -> None:
    admin = world.accounts.accounts["admin"]
    world.accounts.accounts["admin"] = replace(admin, must_change_password=True)
    assert (await client.get(STEPS)).json()["next"] == "password"
    world.accounts.accounts["admin"] = admin
    world.audit.fail_with = StoreError("The disk is full.")
    assert (await client.get(STEPS)).json()["next"] == "password"
    assert (await client.post(f"{STEPS}/steps/time/set-aside")).status_code == 503
    world.audit.fail_with = None
    assert (await client.get(STEPS)).json()["next"] == "name"


async def test_a_box_in_service_has_no_first_start() -> None:
    world = make_world(0)
    app = await asyncio.to_thread(world.app)
    await world.certificates.begin()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://box", headers=ADMIN
    ) as client:
        told: dict[str, Any] = (await client.get(STEPS)).json()
        assert told == {"unfinished": False, "in_service": None, "next": None, "steps": []}
        page = await client.get("/first-start", headers=HTML)
        assert "The box is in service" in page.text
        assert 'href="/first-start"' not in page.text


async def test_a_check_is_begun_seen_and_ended(world: World, client: httpx.AsyncClient) -> None:
    begun = (await client.post(CHECKED, json={"kind": "headset"}, headers=SAM)).json()
    assert (begun["running"], world.checks.by) == ("headset", ["sam"])
    world.checks.speak(-20.0)
    now = (await client.get(CHECKED, headers=SAM)).json()
    assert (now["level"], now["loudest"], now["voice"]) == (-20.0, -20.0, True)
    assert (await client.post(f"{CHECKED}/tone")).json()["toned"] is True
    lamp = {"lamp": "status"}
    assert (await client.put(f"{CHECKED}/lamp", json=lamp)).json()["code"] == "no_check"
    await client.post(CHECKED, json={"kind": "panel"})
    world.checks.press(*Button)
    assert (await client.put(f"{CHECKED}/lamp", json=lamp)).json()["lit"] == ["status"]
    ended = (await client.delete(CHECKED)).json()
    assert (ended["running"], ended["end"], ended["lamp"]) == (None, "asked", None)
    assert ended["pressed"] == ["hang_up", "microphone"]
    assert (await client.post(CHECKED, json={"kind": "ear"})).status_code == 422


async def test_events_of_a_check_go_to_those_who_may_try_and_the_newest_is_enough(
    world: World,
) -> None:
    hub = (await asyncio.to_thread(world.app)).state.console.hub
    hub.start()
    accounts = world.accounts.accounts
    feeds = {name: hub.open(accounts[name]) for name in ("sam", "tom")}
    world.accounts.add("nil", "Supervisor")
    feeds["nil"] = hub.open(replace(accounts["nil"], permissions=frozenset()))
    for feed in feeds.values():
        hub.snapshot(feed)
    world.checks.show(running=CheckKind.HEADSET)
    for level in (-30.0, -20.0):
        world.checks.speak(level)
    seen = {name: feed.take() for name, feed in feeds.items()}
    assert seen["nil"] == []
    for name in ("sam", "tom"):
        (event,) = seen[name]
        assert event.name == "check"
        assert json.loads(event.data)["level"] == -20.0
    hub.shut()
