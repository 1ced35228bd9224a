"""The mute proof on the whole box: packets and ears, not flags."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import Options, World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import LampEvent, VirtualPanelClient
from tests.support.demo_world import Monitored, Person, demo_world, monitored
from tests.support.soundcard import sine
from tests.support.stalls import watched_loop, watched_machine

HERTZ = 997.0
SILENT_DBFS = -80.0
HEARD_DBFS = -40.0
FRAME_S = 0.020
ON_ITS_WAY_S = 0.010
"""From the leg's gate to the centre's clock: encoding, sending, and both processes' turns."""
LATE_S = 0.150
"""From the lamp to the page and to what the API answers."""

Way = Callable[[World, Person, str], Awaitable[None]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with demo_world(tmp_path) as world:
        world.card.play(sine(HERTZ, -3.0))
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
    async with demo_world(tmp_path, options) as world:
        world.card.play(sine(HERTZ, -3.0))
        async with Person(world) as person, monitored(world, person) as call:
            await asyncio.sleep(1.5)
            assert await call.admin.uplink(call.handle) == []
            assert max(await heard(call)) < SILENT_DBFS
            refused = await person.request("PUT", "/monitoring/microphone", {"muted": False})
            assert refused.status_code in (403, 409)
            assert await call.admin.uplink(call.handle) == []


class Recorder:
    """Lamp moves as they come, for the whole of a run."""

    def __init__(self, panel: VirtualPanelClient) -> None:
        self.moves: list[LampEvent] = []
        self._panel = panel

    def run(self) -> None:
        for event in self._panel.events(timeout=600):
            if event.lamp is Lamp.MICROPHONE:
                self.moves.append(event)

    def lit(self) -> list[tuple[float, float]]:
        """The spans in which the lamp said *live*."""
        spans: list[tuple[float, float]] = []
        since: float | None = None
        for move in self.moves:
            on = move.pattern is LampPattern.ON
            if on and since is None:
                since = move.at
            elif not on and since is not None:
                spans.append((since, move.at))
                since = None
        if since is not None:
            spans.append((since, float("inf")))
        return spans


@pytest.mark.timeout(600)
async def test_a_thousand_random_presses(world: World) -> None:
    """Lamp and packets agree within a frame, page and API within 150 ms, and all settle equal."""
    rng = random.Random(20261123)
    async with (
        Person(world) as person,
        monitored(world, person) as call,
        person.events() as events,
        _asking(person) as answers,
        watched_loop() as held,
    ):
        with (
            VirtualPanelClient(world.panel_socket) as panel,
            VirtualPanelClient(world.panel_socket) as eye,
            watched_machine() as stalls,
        ):
            recorder = Recorder(eye)
            watching = asyncio.create_task(asyncio.to_thread(recorder.run))
            for number in range(1, 1001):
                panel.press(Button.MICROPHONE)
                await asyncio.sleep(0.012 + rng.random() * 0.05)
                panel.release(Button.MICROPHONE)
                await asyncio.sleep(0.02 + rng.random() ** 3 * 0.2)
                if number % 20 == 0:
                    await asyncio.sleep(0.35)
                    await _settled(recorder, person, call, events)
            await asyncio.sleep(0.3)
            packets = await call.admin.uplink(call.handle)
            eye.close()
            await watching
    spans = recorder.lit()
    assert len(spans) > 50
    stood_still = stalls.longest_ms / 1000
    _packets_follow_the_lamp(packets, spans, stood_still)
    page = [
        (at, bool(data["muted"]))
        for at, name, data in events
        if name == "monitoring" and data.get("state") in ("listening", "live")
    ]

    def seen(at: float) -> float:
        """What was seen at *at* this test may have been late to look at."""
        return next((begin for begin, end in held if begin <= at <= end), at)

    late = LATE_S + stood_still
    _follows_the_lamp(spans, [(seen(at) - late, at, muted) for at, muted in page])
    _follows_the_lamp(spans, [(asked - late, at, muted) for asked, at, muted in answers])


@asynccontextmanager
async def _asking(person: Person) -> AsyncIterator[list[tuple[float, float, bool]]]:
    """Ask the API ten times a second: ``(asked, answered, muted)``."""
    answers: list[tuple[float, float, bool]] = []

    enough = False

    async def ask() -> None:
        while not enough:
            asked = time.monotonic()
            view = await person.get("/monitoring")
            answers.append((asked, time.monotonic(), view["muted"]))
            await asyncio.sleep(0.1)

    asking = asyncio.create_task(ask())
    try:
        yield answers
    finally:
        enough = True
        await asking


async def _settled(
    recorder: Recorder,
    person: Person,
    call: Monitored,
    events: list[tuple[float, str, dict[str, object]]],
) -> None:
    live = recorder.moves[-1].pattern is LampPattern.ON
    view = await person.get("/monitoring")
    assert view["muted"] is not live, "API and lamp settled on different states"
    shown = [data for _, name, data in events if name == "monitoring"][-1]
    assert shown["muted"] is not live, "page and lamp settled on different states"
    latest = (await call.admin.uplink(call.handle))[-10:]
    # A microphone frame that comes late is a silence frame in an open gate; never the reverse.
    assert any(not p[4] for p in latest) is live, "packets and lamp settled differently"
    (leg,) = (await call.admin.do("legs"))["legs"]
    assert (leg["audience"] is not None) is live, "the platform and the lamp settled differently"


def _packets_follow_the_lamp(
    packets: list[list[float]], spans: list[tuple[float, float]], stood_still_s: float
) -> None:
    """Every audible packet lies in a span in which the lamp was on, or within a frame of it."""
    starts = [start for start, _ in spans]
    slack = FRAME_S + ON_ITS_WAY_S + stood_still_s
    for at, *_rest, silent in packets:
        index = bisect_right(starts, at + ON_ITS_WAY_S) - 1
        assert silent or (index >= 0 and at <= spans[index][1] + slack), (
            f"audible at {at} while the lamp was not on"
        )


def _follows_the_lamp(
    spans: list[tuple[float, float]], seen: list[tuple[float, float, bool]]
) -> None:
    """What was seen at the end of each window was true at some moment of the window."""
    late = []
    for begin, end, muted in seen:
        lit = any(start <= end and stop >= begin for start, stop in spans)
        dark = not any(start <= begin and stop >= end for start, stop in spans)
        if not (dark if muted else lit):
            moves = sorted(move for span in spans for move in span if move < end)
            late.append((muted, [round(end - move, 3) for move in moves[-4:]]))
    assert not late, f"{len(late)} of {len(seen)} were shown late: {late}"
