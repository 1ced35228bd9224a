"""A thousand presses on the whole box: lamp, packets, page and API agree."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import LampEvent, VirtualPanelClient
from tests.support.demo_world import (
    FRAME_S,
    ON_ITS_WAY_S,
    Monitored,
    Person,
    monitored,
    speaking_world,
)
from tests.support.stalls import watched_loop, watched_machine

LATE_S = 0.150
"""From the lamp to the page and to what the API answers."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with speaking_world(tmp_path) as world:
        yield world


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
