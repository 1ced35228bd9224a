"""The box's own accidents in a call: processes killed, parties gone, control stuck."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from appliance.audio.levels import dbfs
from appliance.control_link.words import Button, LampPattern
from appliance.demo.processes import Child
from appliance.demo.world import World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import Monitored, Person, demo_world, monitored
from tests.support.soundcard import sine
from tests.support.stalls import watched_machine

pytestmark = pytest.mark.alone

Events = list[tuple[float, str, dict[str, Any]]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path) as world:
        world.card.play(sine(997.0, -3.0))
        yield world


def kill(child: Child) -> float:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    return time.monotonic()


async def seen(events: Events, state: str, since: float) -> tuple[float, dict[str, Any]]:
    """When the page was told that the session is in *state*."""
    async with asyncio.timeout(15):
        while True:
            for at, name, data in events:
                if name == "monitoring" and at >= since and data["state"] == state:
                    return at, data
            await asyncio.sleep(0.005)


async def call_is_running(call: Monitored) -> bool:
    """The interaction still exists at the centre, whoever left."""
    level = await call.admin.measure(call.interaction, "agent")
    return level <= 0


async def legs(call: Monitored) -> list[Any]:
    found = (await call.admin.do("legs"))["legs"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("by", "reason"),
    [("agent", "agent_ended"), ("customer", "customer_ended"), ("platform", "call_ended")],
)
async def test_a_party_that_hangs_up_ends_the_session(world: World, by: str, reason: str) -> None:
    """Within 200 ms, as the page sees it."""
    times = []
    async with Person(world) as person, person.events() as events:
        for _ in range(3):
            async with monitored(world, person) as call:
                asked = time.monotonic()
                await call.admin.do("end", call=call.interaction, by=by)
                at, data = await seen(events, "idle", asked)
                assert data["last_end"]["reason"] == reason
                times.append(at - asked)
                assert await legs(call) == []
    assert max(times) < 0.2, times


async def test_handset_ends_only_the_supervisors_leg(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        await person.delete("/monitoring")
        view = await person.until("/monitoring", state="idle")
        assert view["last_end"]["reason"] == "hung_up"
        assert await legs(call) == []
        row = await person.get(f"/interactions/{call.interaction}")
        assert row["state"] == "in-conversation"
        assert await call_is_running(call)


async def test_control_killed_in_a_call_comes_back_to_it(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        with VirtualPanelClient(world.panel_socket) as panel:
            await person.put("/monitoring/microphone", {"muted": False})
            killed = kill(world.control)
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            panel.wait_for(Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
            await asyncio.sleep(0.05)
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            lamp = panel.lamp(Lamp.MICROPHONE)
            assert lamp is not None
            assert lamp.pattern is LampPattern.SLOW_BREATHE
        view = await _back(person)
        assert time.monotonic() - killed < 3.0
        assert view["session_id"] == call.session_id
        assert (view["state"], view["muted"]) == ("listening", True)
        async with asyncio.timeout(3):
            while (await legs(call))[0]["audience"] is not None:
                await asyncio.sleep(0.01)
        audit = await person.get("/audit")
        rows = [row for row in audit["items"] if row["action"] == "press"]
        presses = [json.loads(row["detail"])["action"] for row in rows]
        assert presses == ["unmute_refused", "muted"]  # the newest first
        assert {row["actor"] for row in rows} == {person.name}
        # and it still works
        await person.put("/monitoring/microphone", {"muted": False})
        await person.put("/monitoring/microphone", {"muted": True})


async def test_audio_goes_on_without_control(world: World) -> None:
    """No gap but what the machine itself stood still."""
    gaps = []
    async with Person(world) as person, monitored(world, person) as call:
        await call.admin.tone(call.interaction, "customer", 2000.0)
        await asyncio.sleep(0.7)
        for _ in range(3):
            with world.card.tap_ear() as ear, watched_machine() as stalls:
                listening = asyncio.create_task(asyncio.to_thread(ear.record, 3.0))
                await asyncio.sleep(0.3)
                kill(world.control)
                assert (await _back(person))["session_id"] == call.session_id
                gap = _longest_gap_ms(await listening)
            gaps.append(gap - stalls.longest_ms)
    assert max(gaps) <= 10, gaps


async def _back(person: Person) -> dict[str, Any]:
    """Wait until the API answers again with the session taken up."""
    async with asyncio.timeout(10):
        while True:
            try:
                view = (await person.request("GET", "/monitoring")).json()
            except httpx.TransportError:  # the process is away
                view = {}
            if view.get("state") in ("listening", "live"):
                assert isinstance(view, dict)
                return view
            await asyncio.sleep(0.02)


def _longest_gap_ms(audio: np.ndarray[Any, np.dtype[np.int16]]) -> int:
    """The longest run of 10 ms pieces that are quieter than −60 dBFS."""
    longest = run = 0
    for i in range(len(audio) // 480):
        run = run + 1 if dbfs(audio[i * 480 : (i + 1) * 480]) < -60 else 0
        longest = max(longest, run)
    return longest * 10


async def test_control_that_stays_away_leaves_no_leg(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        await world.control.stop()
        stopped = time.monotonic()
        with VirtualPanelClient(world.panel_socket) as panel:
            panel.wait_for(Lamp.MICROPHONE, LampPattern.OFF, timeout=8)
        assert 4.0 < time.monotonic() - stopped < 6.5
        async with asyncio.timeout(8):
            while await legs(call):
                await asyncio.sleep(0.05)
        await world.control.start()
        async with asyncio.timeout(10):
            while not await _answers(person):
                await asyncio.sleep(0.05)
        async with asyncio.timeout(5):  # written down in the background
            while not (ended := (await person.get("/history"))["items"]):
                await asyncio.sleep(0.05)
        assert ended[0]["end_reason"] == "control_lost"
        assert await call_is_running(call)


async def _answers(person: Person) -> bool:
    try:
        view = (await person.request("GET", "/monitoring")).json()
    except httpx.TransportError:
        return False
    return bool(view["state"] == "idle")


async def test_control_that_stands_still_leaves_no_leg(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        assert world.control.pid is not None
        os.kill(world.control.pid, signal.SIGSTOP)  # away, and nobody restarts it
        stopped = time.monotonic()
        try:
            with VirtualPanelClient(world.panel_socket) as panel:
                panel.wait_for(Lamp.MICROPHONE, LampPattern.OFF, timeout=8)
            assert 4.0 < time.monotonic() - stopped < 6.5
            async with asyncio.timeout(8):
                while await legs(call):
                    await asyncio.sleep(0.05)
        finally:
            os.kill(world.control.pid, signal.SIGCONT)
        view = await person.until("/monitoring", state="idle")
        # Whichever of leg and platform it hears first when it goes on.
        assert view["last_end"]["reason"] in ("control_lost", "media_lost")
        assert await call_is_running(call)


async def test_leg_killed_in_a_call_ends_the_session_and_is_back(world: World) -> None:
    async with (
        Person(world) as person,
        monitored(world, person) as call,
        person.events() as events,
    ):
        killed = kill(world.leg)
        _, data = await seen(events, "idle", killed)
        assert data["last_end"]["reason"] in ("failed", "media_lost")
        assert data["last_end"]["detail"]
        async with asyncio.timeout(3):
            while await legs(call):
                await asyncio.sleep(0.02)
        await person.until("/device", connected=True)
        while not (await person.get("/device"))["headset"]["playing"]:
            await asyncio.sleep(0.02)
        assert time.monotonic() - killed < 3.0
        assert await call_is_running(call)
        again = await person.post(f"/interactions/{call.interaction}/monitor")
        assert again["state"] == "listening"


async def test_centre_killed_in_a_call_ends_it_with_words(world: World) -> None:
    async with Person(world) as person, person.events() as events:
        async with monitored(world, person) as call:
            killed = kill(world.centre)
            _, data = await seen(events, "idle", killed)
            assert data["last_end"]["reason"] in ("platform_lost", "media_lost", "call_ended")
        assert call.interaction
