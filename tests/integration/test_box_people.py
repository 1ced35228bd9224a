"""People at the whole box: two at once, one's own call, a slow platform, a locked database."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import Options, World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.box_people import BAR, BOBS_OWN, MICROPHONE, MUTE, PEOPLE, audit, legs
from tests.support.demo_world import Person, demo_world, monitored, open_centre


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path, Options(people=PEOPLE)) as world:
        yield world


async def timed(answer: Awaitable[httpx.Response]) -> tuple[float, httpx.Response]:
    begun = time.monotonic()
    response = await answer
    return time.monotonic() - begun, response


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Another program writes to the database and does not come to an end."""
    database = sqlite3.connect(world.state_dir / "bargebox.sqlite3", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.close()


# -- two people


async def test_one_owns_the_session_and_everybody_may_silence_it(world: World) -> None:
    async with (
        Person(world, "ann") as ann,
        Person(world, "bob") as bob,
        Person(world, "tec") as tec,
        monitored(world, bob) as call,
    ):
        taken = await ann.request("POST", f"/interactions/{call.interaction}/monitor")
        assert (taken.status_code, taken.json()["code"]) == (409, "busy")
        assert "bob" in taken.json()["detail"]
        for other in (ann, tec):
            refused = await other.request("PUT", MICROPHONE, BAR)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
            await bob.put(MICROPHONE, BAR)
            await other.put(MICROPHONE, MUTE)
            assert (await bob.get("/monitoring"))["muted"] is True
        await ann.delete("/monitoring")
        end = (await bob.get("/monitoring"))["last_end"]
        assert (end["reason"], end["detail"][:4]) == ("hung_up", "ann ")
        rows = await audit(ann)
        assert [who for who, what, _ in rows if what == "mute"] == ["ann", "tec"]
        assert rows[-1] == ("ann", "ended", {"reason": "hung_up"})
        again = await ann.post(f"/interactions/{call.interaction}/monitor")
        assert again["owner"] == "ann"


async def test_a_double_click_joins_once(world: World) -> None:
    async with Person(world, "bob") as bob, open_centre(world) as admin:
        interaction = await admin.create_call()
        await bob.listed(interaction)
        path = f"/interactions/{interaction}/monitor"
        clicks = await asyncio.gather(*(bob.request("POST", path) for _ in range(2)))
        assert sorted(click.status_code for click in clicks) == [201, 409]
        assert len((await admin.do("legs"))["legs"]) == 1


async def test_leaving_works_while_joining(world: World) -> None:
    async with (
        Person(world, "ann") as ann,
        Person(world, "bob") as bob,
        open_centre(world) as admin,
    ):
        interaction = await admin.create_call()
        await bob.listed(interaction)
        await admin.do("slow", seconds=2.0)
        path = f"/interactions/{interaction}/monitor"
        joining = asyncio.create_task(bob.request("POST", path))
        await bob.until("/monitoring", state="joining")
        took, answer = await timed(ann.request("DELETE", "/monitoring"))
        assert (answer.status_code, took < 1.5) == (204, True)
        assert (await joining).json()["code"] == "hung_up"
        await admin.do("slow", seconds=0.0)
        async with asyncio.timeout(5):
            while (await admin.do("legs"))["legs"]:
                await asyncio.sleep(0.02)
        assert (await bob.post(path))["state"] == "listening"


async def test_a_call_that_becomes_ones_own_is_left(world: World) -> None:
    async with (
        Person(world, "ann") as ann,
        Person(world, "bob") as bob,
        monitored(world, bob, agent="agent-chandra") as call,
    ):
        await bob.put(MICROPHONE, BAR)
        await call.admin.do("transfer", call=call.interaction, to=BOBS_OWN, seconds=0.1)
        end = (await bob.until("/monitoring", state="idle"))["last_end"]
        assert end["reason"] == "own_call"
        assert await legs(call) == []
        path = f"/interactions/{call.interaction}"
        row = await bob.get(path)
        assert (row["monitorable"], row["not_monitorable_reason"]) == (False, "own_call")
        refused = await bob.request("POST", f"{path}/monitor")
        assert (refused.status_code, refused.json()["code"]) == (403, "own_call")
        assert (await ann.get(path))["monitorable"] is True
        assert (await call.admin.measure(call.interaction, "agent")) <= 0  # it goes on


ROUTES = [
    ("GET", "/interactions", "ann bob"),
    ("GET", "/monitoring", "ann bob"),
    ("GET", "/history", "ann bob"),
    ("GET", "/audit", "ann"),
    ("GET", "/audit/export", "ann"),
    ("GET", "/device", "ann bob tec"),
    ("POST", "/interactions/none/monitor", "ann bob"),
    ("DELETE", "/monitoring", "ann bob tec"),
    ("POST", "/device/selftest", "ann bob tec"),
    ("POST", "/platform/check", "ann tec"),
    ("GET", "/platform/settings", "ann tec"),
]


async def test_each_role_may_do_what_it_says_and_no_more(world: World) -> None:
    for name in world.tokens:
        async with Person(world, name) as person:
            for method, path, allowed in ROUTES:
                status = (await person.request(method, path)).status_code
                assert (status == 403) is (name not in allowed.split()), (name, path, status)


# -- a slow platform


@pytest.mark.parametrize("seconds", [2.5, 10.0])
async def test_a_slow_platform_delays_nobody_who_mutes_or_leaves(
    world: World, seconds: float
) -> None:
    async with Person(world, "bob") as bob, monitored(world, bob) as call:
        await bob.put(MICROPHONE, BAR)
        await call.admin.do("slow", seconds=seconds)
        took, muted = await timed(bob.request("PUT", MICROPHONE, MUTE))
        assert (muted.json()["muted"], took < 1.0) == (True, True)
        async with asyncio.timeout(10):
            while (await legs(call))[0]["audience"] is not None:
                await asyncio.sleep(0.02)
        await asyncio.sleep(min(seconds, 5.0))  # until that is answered, or given up
        took, refused = await timed(bob.request("PUT", MICROPHONE, BAR))
        assert "platform did not answer" in refused.json()["detail"]
        assert took < 9.0  # the mute before it is told first, for up to 5 s
        async with asyncio.timeout(10):  # the gate stayed closed, and so does the platform again
            while (await legs(call))[0]["audience"] is not None:
                await asyncio.sleep(0.02)
        took, left = await timed(bob.request("DELETE", "/monitoring"))
        assert (left.status_code, took < 1.5) == (204, True)
        async with asyncio.timeout(5):
            while await legs(call):
                await asyncio.sleep(0.02)
        await call.admin.do("slow", seconds=0.0)


# -- what is on record


async def test_without_a_record_nobody_is_heard_and_everybody_may_leave(world: World) -> None:
    async with Person(world, "ann") as ann, Person(world, "bob") as bob:
        async with monitored(world, bob) as call:
            await bob.put(MICROPHONE, BAR)
            with locked(world):
                muted = await bob.put(MICROPHONE, MUTE)
                assert muted["muted"] is True
                barred = await bob.request("PUT", MICROPHONE, BAR)
                assert (barred.status_code, barred.json()["code"]) == (503, "audit_unwritable")
                with VirtualPanelClient(world.panel_socket) as panel:
                    await asyncio.to_thread(panel.tap, Button.MICROPHONE)
                    await asyncio.sleep(2.5)
                    lamp = panel.lamp(Lamp.MICROPHONE)
                    assert lamp is not None
                    assert lamp.pattern is LampPattern.SLOW_BREATHE
                assert (await legs(call))[0]["audience"] is None
                took, left = await timed(bob.request("DELETE", "/monitoring"))
                assert (left.status_code, took < 1.5) == (204, True)
                assert await legs(call) == []
                path = f"/interactions/{call.interaction}/monitor"
                refused = await bob.request("POST", path)
                assert (refused.status_code, refused.json()["code"]) == (503, "audit_unwritable")
                assert await legs(call) == []
            assert (await bob.post(path))["state"] == "listening"
        barge = await _first_barge(bob)
        assert barge[1] - barge[0] < 1.0  # and not until the call was left
        actions = [(who, what) for who, what, _ in await audit(ann)]
        assert ("bob", "mute") in actions
        assert actions.count(("bob", "unmute_refused")) == 2


async def _first_barge(person: Person) -> tuple[float, float]:
    """When the oldest session's barge began and ended, once it is on record."""
    async with asyncio.timeout(15):
        while True:
            items = (await person.get("/history"))["items"]
            if items and items[-1]["barges"]:
                (barge,) = items[-1]["barges"]
                return _seconds(barge["started_at"]), _seconds(barge["ended_at"])
            await asyncio.sleep(0.1)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_a_mute_that_no_control_process_saw_is_on_record(world: World) -> None:
    async with Person(world, "ann") as ann, Person(world, "bob") as bob:
        async with monitored(world, bob):
            await bob.put(MICROPHONE, BAR)
            assert world.control.pid is not None
            os.kill(world.control.pid, signal.SIGKILL)
            with VirtualPanelClient(world.panel_socket) as panel:
                await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            async with asyncio.timeout(10):
                while not await _listening(bob):
                    await asyncio.sleep(0.02)
            await asyncio.sleep(2.0)
        barge = await _first_barge(bob)
        assert barge[1] - barge[0] < 1.0
        assert ("bob", "mute", {"cause": "button"}) in await audit(ann)


async def _listening(person: Person) -> bool:
    try:
        view = (await person.request("GET", "/monitoring")).json()
    except httpx.TransportError:
        return False
    return bool(view.get("state") == "listening")


async def test_the_button_of_a_removed_account_opens_nothing(world: World) -> None:
    async with Person(world, "ann") as ann, Person(world, "bob") as bob, monitored(world, bob):
        database = sqlite3.connect(world.state_dir / "bargebox.sqlite3")
        with database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("DELETE FROM accounts WHERE name = 'bob'")
        database.close()
        assert (await bob.request("GET", "/monitoring")).status_code == 401
        with VirtualPanelClient(world.panel_socket) as panel:
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            async with asyncio.timeout(5):
                while not any(what == "unmute_refused" for _, what, _ in await audit(ann)):
                    await asyncio.sleep(0.02)
            panel.wait_for(Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
        assert (await ann.get("/monitoring"))["muted"] is True
        await ann.delete("/monitoring")
