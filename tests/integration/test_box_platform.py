"""The whole box changes to another call platform by the form alone, and back, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.demo.box import Person as Someone
from appliance.demo.box import free_ports
from appliance.demo.world import Options, World
from tests.support.centre import CentreProcess, running_centre
from tests.support.demo_world import Person, demo_world, monitored, open_centre

PEOPLE = (Someone("ann", "Administrator"), Someone("tec", "Technician"))
HERE = "/platform/settings"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path, Options(people=PEOPLE)) as world:
        yield world


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[CentreProcess]:
    """Another contact centre, at another address and with another token."""
    (tmp_path / "other").mkdir()
    async with running_centre(tmp_path / "other") as centre:
        yield centre


def form(centre: CentreProcess) -> dict[str, Any]:
    """What a person types for this centre."""
    ready = centre.ready
    section = {"url": ready.url, "token": ready.token}
    return {"driver": "sandbox", "sandbox": section}


async def settled(person: Person, origin: str, *, connected: bool = True) -> Any:
    """The settings, once the box has begun anew and its platform is there, or is not."""
    async with asyncio.timeout(15):
        while True:
            try:
                shown = await person.get(HERE)
                listed = await person.get("/interactions")
            except httpx.TransportError:  # between two lives
                shown = None
            if shown is not None and not shown["restarting"] and shown["origin"] == origin:
                platform = listed["platform"]
                if platform["connected"] is connected and (connected or platform["detail"]):
                    return shown
            await asyncio.sleep(0.05)


async def listed(person: Person, *customers: str) -> None:
    """Wait until the list has the calls of these and no others."""
    async with asyncio.timeout(10):
        while {r["customer"] for r in (await person.get("/interactions"))["items"]} != {*customers}:
            await asyncio.sleep(0.02)


def kept(world: World) -> Path:
    return world.state_dir / "platform.json"


async def kill_control(world: World) -> None:
    """And wait for its next life to begin."""
    starts, pid = world.control.starts, world.control.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while world.control.starts == starts:
            await asyncio.sleep(0.02)


async def test_the_box_moves_to_another_platform_by_the_form_alone(
    world: World, other: CentreProcess
) -> None:
    leg, control = world.leg.pid, world.control.pid
    async with (
        Person(world, "tec") as tec,
        Person(world, "ann") as ann,
        open_centre(world) as here,
        other.administrator() as there,
    ):
        await here.create_call(customer="Anna")
        second = await there.create_call(customer="Otto")
        await listed(ann, "Anna")
        checked = await tec.post("/platform/check", form(other))
        assert (checked["platform"], checked["passed"]) == ("sandbox", True)
        await listed(ann, "Anna")

        await tec.put(HERE, form(other))
        shown = await settled(ann, "page")
        assert shown["settings"]["sandbox"]["url"] == other.ready.url
        await listed(ann, "Otto")
        assert (await ann.post(f"/interactions/{second}/monitor"))["state"] == "listening"
        assert len((await there.do("legs"))["legs"]) == 1
        await ann.delete("/monitoring")

        assert kept(world).stat().st_mode & 0o777 == 0o600
        await kill_control(world)  # the choice lasts
        await settled(ann, "page")
        await listed(ann, "Otto")
        assert (world.leg.pid, world.leg.starts) == (leg, 1)

        await tec.delete(HERE)
        await settled(ann, "file")
        await listed(ann, "Anna")
        assert not kept(world).exists()
        rows = [(r["actor"], r["action"]) for r in (await ann.get("/audit"))["items"]]
        assert rows[0] == ("tec", "platform_reset")
        assert ("tec", "platform_changed") in rows
        assert other.ready.token not in json.dumps((await ann.get("/audit"))["items"])
    assert control != world.control.pid  # of the kill; beginning anew needs no new process
    assert world.control.starts == 2


async def test_a_call_keeps_its_platform_and_is_not_touched_by_a_test(
    world: World, other: CentreProcess
) -> None:
    async with (
        Person(world, "tec") as tec,
        Person(world, "ann") as ann,
        monitored(world, ann) as call,
    ):
        await ann.put("/monitoring/microphone", {"muted": False})
        refused = await tec.request("PUT", HERE, form(other))
        assert (refused.status_code, refused.json()["code"]) == (409, "busy")
        assert "ann is monitoring a call" in refused.json()["detail"]
        assert (await tec.request("DELETE", HERE)).status_code == 409
        assert (await tec.post("/platform/check", form(other)))["passed"] is True
        assert (await tec.post("/platform/check"))["passed"] is True
        session = await ann.get("/monitoring")
        assert (session["state"], session["muted"]) == ("live", False)
        assert len((await call.admin.do("legs"))["legs"]) == 1
        assert not kept(world).exists()


async def test_a_platform_that_does_not_answer_is_told_and_can_be_left_again(world: World) -> None:
    (nobody,) = free_ports(1)
    async with Person(world, "tec") as tec, Person(world, "ann") as ann:
        wrong = {"url": f"ws://127.0.0.1:{nobody}", "token": "some-token"}
        checked = await tec.post("/platform/check", {"sandbox": wrong})
        assert (checked["passed"], checked["steps"][0]["step"]) == (False, "address")
        await tec.put(HERE, {"sandbox": wrong})
        await settled(ann, "page", connected=False)
        page = httpx.URL(f"{world.url}/settings/platform")
        headers = {"Authorization": f"Bearer {world.tokens['tec']}", "Accept": "text/html"}
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(page, headers=headers)).status_code == 200
        await tec.delete(HERE)
        await settled(ann, "file")


async def test_a_damaged_choice_is_told_and_the_settings_file_counts(world: World) -> None:
    async with Person(world, "tec") as tec, Person(world, "ann") as ann:
        kept(world).write_text('{"driver": "sandbox", "sandbox": {"url": 5')
        await kill_control(world)
        shown = await settled(ann, "file")
        assert "is not right" in shown["fault"]
        await tec.put(HERE, shown["settings"])  # saving mends it
        assert (await settled(ann, "page"))["fault"] == ""
