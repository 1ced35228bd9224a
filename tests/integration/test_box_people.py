"""People at the whole box: two at once, one's own call, a slow platform, a database that is locked,
and every way in which a session ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import Options, World
from appliance.demo.world import Person as Someone
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import Monitored, Person, demo_world, monitored, open_centre

PEOPLE = (
    Someone("ann", "Administrator"),
    Someone("bob", "Supervisor", ("agent-bruno",)),
    Someone("tec", "Technician"),
)
BOBS_OWN = "agent-bruno"
IMPATIENT = {
    "leg": {"media_timeout_s": 60.0},
    "monitoring": {"platform_lost_after_s": 1.0, "headset_lost_after_s": 1.0},
    "platform.sandbox": {"request_timeout": 1.0},
}
BAR = {"muted": False}
MUTE = {"muted": True}
MICROPHONE = "/monitoring/microphone"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path, Options(people=PEOPLE)) as world:
        yield world


async def timed(answer: Awaitable[httpx.Response]) -> tuple[float, httpx.Response]:
    begun = time.monotonic()
    response = await answer
    return time.monotonic() - begun, response


async def audit(person: Person) -> list[tuple[str, str, dict[str, Any]]]:
    """Actor, action and detail, oldest first."""
    rows = (await person.get("/audit"))["items"]
    return [(row["actor"], row["action"], json.loads(row["detail"])) for row in reversed(rows)]


async def legs(call: Monitored) -> list[Any]:
    found = (await call.admin.do("legs"))["legs"]
    assert isinstance(found, list)
    return found


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


# -- how sessions end; the parties' hang-ups, the handset and lost processes are told elsewhere

Way = Callable[[World, Monitored], Awaitable[None]]


async def _removed(world: World, call: Monitored) -> None:
    await call.admin.do("remove_supervisor", handle=call.handle)


async def _own_call(world: World, call: Monitored) -> None:
    await call.admin.do("transfer", call=call.interaction, to=BOBS_OWN, seconds=0.1)


def _into_flow(flow: str) -> Way:
    async def act(world: World, call: Monitored) -> None:
        await call.admin.do(
            "transfer", call=call.interaction, to="agent-grace", flow=flow, seconds=0.1
        )

    return act


async def _media_lost(world: World, call: Monitored) -> None:
    await call.admin.do("drop_media", handle=call.handle)


async def _headset_lost(world: World, call: Monitored) -> None:
    await asyncio.to_thread(world.card.unplug)


async def _platform_lost(world: World, call: Monitored) -> None:
    assert world.centre.pid is not None
    os.kill(world.centre.pid, signal.SIGSTOP)  # it is there and says nothing


WAYS: dict[str, tuple[Way, dict[str, dict[str, float]]]] = {
    "removed": (_removed, IMPATIENT),
    "own_call": (_own_call, IMPATIENT),
    "no_monitoring_object": (_into_flow("Emergency line"), IMPATIENT),
    "monitoring_disabled": (_into_flow("Works council"), IMPATIENT),
    "media_lost": (_media_lost, {"leg": {"media_timeout_s": 2.0}}),
    "headset_lost": (_headset_lost, IMPATIENT),
    "platform_lost": (_platform_lost, IMPATIENT),
}


@pytest.mark.parametrize("reason", WAYS)
async def test_a_live_session_ends_and_says_why(tmp_path: Path, reason: str) -> None:
    act, settings = WAYS[reason]
    options = Options(people=PEOPLE, settings=settings)
    async with (
        demo_world(tmp_path, options) as world,
        Person(world, "ann") as ann,
        Person(world, "bob") as bob,
        monitored(world, bob) as call,
    ):
        await bob.put(MICROPHONE, BAR)
        await act(world, call)
        async with asyncio.timeout(20):
            while (view := await bob.get("/monitoring"))["state"] != "idle":
                await asyncio.sleep(0.05)
        assert view["last_end"]["reason"] == reason
        if reason == "platform_lost":
            assert world.centre.pid is not None
            os.kill(world.centre.pid, signal.SIGCONT)
        async with asyncio.timeout(20):  # nothing is left there, and the call goes on
            while await legs(call):
                await asyncio.sleep(0.05)
        assert (await call.admin.measure(call.interaction, "agent")) <= 0
        record = (await bob.get("/history"))["items"][0]
        assert (record["end_reason"], record["supervisor"]) == (reason, "bob")
        assert all(barge["ended_at"] for barge in record["barges"])
        assert [detail for _, what, detail in await audit(ann) if what == "ended"] == [
            {"reason": reason}
        ]


@pytest.mark.parametrize(
    ("operation", "status", "reason"),
    [
        ({"op": "bar", "supervisor": "bob"}, 403, "not_permitted"),
        ({"op": "refuse_next_offer"}, 409, "failed"),
    ],
)
async def test_a_refused_join_says_why_and_leaves_nothing(
    world: World, operation: dict[str, str], status: int, reason: str
) -> None:
    async with Person(world, "bob") as bob, open_centre(world) as admin:
        interaction = await admin.create_call()
        await bob.listed(interaction)
        await admin.do(**operation)
        refused = await bob.request("POST", f"/interactions/{interaction}/monitor")
        assert refused.status_code == status
        end = (await bob.until("/monitoring", state="idle"))["last_end"]
        assert end["reason"] == reason
        assert end["detail"] == refused.json()["detail"]
        assert (await admin.do("legs"))["legs"] == []
