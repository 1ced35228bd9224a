"""The mute proof on the whole box: packets and ears, not flags."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import Button
from appliance.demo.world import Options, World
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import (
    FRAME_S,
    HERTZ,
    ON_ITS_WAY_S,
    Monitored,
    Person,
    monitored,
    speaking_world,
)

SILENT_DBFS = -80.0
HEARD_DBFS = -40.0

Way = Callable[[World, Person, str], Awaitable[None]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with speaking_world(tmp_path) as world:
        yield world


async def by_button(world: World, person: Person, wish: str) -> None:
    with VirtualPanelClient(world.panel_socket) as panel:
        await asyncio.to_thread(panel.tap, Button.MICROPHONE)
    await person.until("/monitoring", muted=wish == "mute")


async def by_api(_world: World, person: Person, wish: str) -> None:
    audience = "agent" if wish == "coach" else "everyone"
    body = {"muted": wish == "mute", "audience": audience}
    await person.put("/monitoring/microphone", body)


async def by_command_line(world: World, _person: Person, wish: str) -> None:
    words = {"mute": ["mute"], "everyone": ["unmute"], "coach": ["unmute", "--coach"]}[wish]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "appliance.cli",
        *words,
        "--url",
        world.url,
        env={**os.environ, "BARGEBOX_TOKEN": next(iter(world.tokens.values()))},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(20):
        assert await process.wait() == 0


async def heard(call: Monitored) -> tuple[float, float]:
    """What agent and customer heard of the tone in the last second, dBFS."""
    agent = await call.admin.measure(call.interaction, "agent", HERTZ)
    return agent, await call.admin.measure(call.interaction, "customer", HERTZ)


@pytest.mark.parametrize("way", [by_button, by_api, by_command_line])
async def test_muted_barging_coaching_and_muted_again(world: World, way: Way) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        before = await call.admin.roster(call.interaction)
        await asyncio.sleep(1.5)
        assert all(p[4] for p in await call.admin.uplink(call.handle))
        assert max(await heard(call)) < SILENT_DBFS

        await way(world, person, "everyone")
        await asyncio.sleep(1.3)
        assert min(await heard(call)) > HEARD_DBFS

        await way(world, person, "mute")
        muted_at = time.monotonic()
        await asyncio.sleep(1.3)
        assert max(await heard(call)) < SILENT_DBFS
        if way is not by_button:
            await way(world, person, "coach")
            await asyncio.sleep(1.3)
            agent, customer = await heard(call)
            assert agent > HEARD_DBFS
            assert customer < SILENT_DBFS
            await way(world, person, "mute")
            muted_at = time.monotonic()
            await asyncio.sleep(1.3)
            assert max(await heard(call)) < SILENT_DBFS
        packets = await call.admin.uplink(call.handle)
        assert all(p[4] for p in packets if p[0] > muted_at + ON_ITS_WAY_S)
        assert await call.admin.roster(call.interaction) == before
        seen = [entry for side in before.values() for entry in side["roster"]]
        assert "supervisor" not in str(seen)


async def test_the_next_call_is_joined_muted_from_an_open_microphone(world: World) -> None:
    """Nothing of what is said goes along: neither call hears it."""
    async with Person(world) as person, monitored(world, person) as call:
        await by_api(world, person, "everyone")
        await asyncio.sleep(1.3)
        assert min(await heard(call)) > HEARD_DBFS
        other = await call.admin.create_call(voices=False)
        await person.listed(other)
        # The list whose next call it is: this one and the other.
        await person.get("/interactions?sort=started_at&per_page=500")
        following = await person.post("/monitoring/next")
        assert following["interaction"]["id"] != call.interaction
        assert (following["state"], following["muted"]) == ("listening", True)
        (leg,) = (await call.admin.do("legs"))["legs"]
        await asyncio.sleep(1.3)
        packets = await call.admin.uplink(leg["handle"])
        assert len(packets) > 20
        assert all(p[4] for p in packets)
        assert max(await heard(call)) < SILENT_DBFS
        now = replace(call, interaction=following["interaction"]["id"])
        agent = await now.admin.measure(now.interaction, "agent", HERTZ)
        assert agent < SILENT_DBFS


async def test_a_press_that_was_meant_for_another_call_is_heard_in_none(world: World) -> None:
    """A page may show the call from which the box has gone on to the next."""
    async with Person(world) as person, monitored(world, person) as call:
        shown = (await person.get("/monitoring"))["session_id"]
        other = await call.admin.create_call(voices=False)
        await person.listed(other)
        await person.get("/interactions?sort=started_at&per_page=500")
        following = await person.post("/monitoring/next")
        wish = {"muted": False, "audience": "everyone", "session_id": shown}
        asked = await person.request("PUT", "/monitoring/microphone", wish)
        assert (asked.status_code, asked.json()["code"]) == (409, "other_call")
        (leg,) = (await call.admin.do("legs"))["legs"]
        await asyncio.sleep(1.3)
        packets = await call.admin.uplink(leg["handle"])
        assert len(packets) > 20
        assert all(p[4] for p in packets)
        mute = {"muted": True, "session_id": shown}
        assert (await person.put("/monitoring/microphone", mute))["muted"] is True
        asked = await person.put(
            "/monitoring/microphone", {**wish, "session_id": following["session_id"]}
        )
        assert asked["muted"] is False
        await asyncio.sleep(0.5)
        assert any(not p[4] for p in await call.admin.uplink(leg["handle"]))


async def test_another_audience_un_mutes_nobody_whom_the_button_has_muted(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        wish = {"muted": False, "audience": "agent", "only_live": True}
        asked = await person.request("PUT", "/monitoring/microphone", wish)
        assert (asked.status_code, asked.json()["code"]) == (409, "stale"), "not heard at all yet"
        await by_api(world, person, "everyone")
        assert (await person.put("/monitoring/microphone", wish))["audience"] == "agent"
        with VirtualPanelClient(world.panel_socket) as panel:
            pressed_at = await asyncio.to_thread(panel.press, Button.MICROPHONE)
            asked = await person.request("PUT", "/monitoring/microphone", wish)
            await asyncio.to_thread(panel.release, Button.MICROPHONE)
        assert (asked.status_code, asked.json()["code"]) == (409, "stale")
        await asyncio.sleep(1.3)
        assert (await person.get("/monitoring"))["muted"] is True
        assert max(await heard(call)) < SILENT_DBFS
        packets = await call.admin.uplink(call.handle)
        assert any(not p[4] for p in packets)
        assert all(p[4] for p in packets if p[0] > pressed_at + FRAME_S + ON_ITS_WAY_S)


async def test_muted_leg_that_only_receives_sends_nothing(tmp_path: Path) -> None:
    options = Options(settings={"platform.sandbox": {"leg_direction": "recvonly"}})
    async with (
        speaking_world(tmp_path, options) as world,
        Person(world) as person,
        monitored(world, person) as call,
    ):
        await asyncio.sleep(1.5)
        assert await call.admin.uplink(call.handle) == []
        assert max(await heard(call)) < SILENT_DBFS
        refused = await person.request("PUT", "/monitoring/microphone", {"muted": False})
        assert refused.status_code in (403, 409)
        assert await call.admin.uplink(call.handle) == []
