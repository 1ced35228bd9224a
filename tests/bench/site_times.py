"""Times of the box at one platform, and of a bare client right after on the same site.

All moments are of this machine's monotonic clock. A party is asked again and again whether it
hears the supervisor, so *barge* is up to one question too long (10 ms); *ear* counts from the
request to sound and has up to one frame (20 ms) of waiting in it. Both are the same for the floor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.control_link.words import Button, LampPattern
from appliance.demo.box import Box
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.bench.bare_client import BareClient
from tests.bench.hearing import TONE_HZ, Watcher
from tests.platforms.desk import Desk
from tests.platforms.measured import SUPERVISOR_HZ
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, Party, Site, SiteCall
from tests.support.demo_world import Person
from tests.support.waiting import eventually

TONE_DBFS = -12.0
LIMIT_S = 5.0
REST_S = 0.4
"""Until nothing of before is on its way any more."""
GLANCE_S = 0.04
"""The piece of what a party heard that is looked at."""
POLL_S = 0.005
OVER = ("ended", "idle")

FirstAfter = Callable[[float, float], Awaitable[float | None]]
"""When it was first heard after a moment; None within so many seconds."""


@dataclass
class Times:
    """Milliseconds of the box, and of the bare client."""

    box: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


@dataclass
class Bench:
    """What is measured with: a site, a box at it, and a driver beside."""

    site: Site
    box: Box
    desk: Desk
    person: Person

    async def call(self) -> SiteCall:
        """A call that box and driver both list."""
        call = await self.site.call(agent_id=self.site.agent_ids[0])
        await self.person.listed(call.id)
        await self.desk.lists(call.id)
        return call

    async def monitor(self, call: SiteCall) -> None:
        """The box joins."""
        await self.person.post(f"/interactions/{call.id}/monitor")


async def measure_joins_and_barges(bench: Bench, repetitions: int) -> dict[str, Times]:
    """*join*: the request to monitor → first sound of the call at the headset. *barge*: button
    press → the agent hears the supervisor.
    """
    join, barge = Times(), Times()
    call = await bench.call()
    await call.customer.tone(TONE_HZ, TONE_DBFS)
    with (
        Watcher(bench.box.card.tap_ear(), TONE_HZ) as ear,
        VirtualPanelClient(bench.box.panel_socket) as panel,
    ):
        await asyncio.sleep(1.0)
        for _ in range(repetitions):
            await _quiet(ear.first_after)
            clicked = time.monotonic()
            await bench.monitor(call)
            _add(join.box, clicked, await ear.first_after(clicked, LIMIT_S))
            await asyncio.sleep(REST_S)
            _add(barge.box, *await _press(panel, call.agent))
            await bench.person.delete("/monitoring")
            await asyncio.sleep(REST_S)
            async with BareClient(bench.desk, call.id, SUPERVISOR_HZ) as bare:
                heard = await bare.leg.first_after(bare.asked_at, LIMIT_S)
                _add(join.bare, bare.asked_at, heard)
                await asyncio.sleep(REST_S)
                asked, heard = await _first_heard(call.agent, bare.barge)
                _add(barge.bare, asked, heard)
                await bare.mute()
            await asyncio.sleep(REST_S)
    await call.customer.hang_up()
    return {"join": join, "barge": barge}


async def _press(panel: VirtualPanelClient, agent: Party) -> tuple[float, float | None]:
    """Press until the agent hears; and once more, to be muted again."""

    async def press() -> float:
        return panel.press(Button.MICROPHONE)

    pressed, heard = await _first_heard(agent, press)
    panel.release(Button.MICROPHONE)
    await asyncio.sleep(REST_S)
    await asyncio.to_thread(panel.tap, Button.MICROPHONE)
    await asyncio.to_thread(panel.wait_for, Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
    return pressed, heard


async def _first_heard(
    agent: Party, speak: Callable[[], Awaitable[float]]
) -> tuple[float, float | None]:
    """When *speak* was asked, and when the agent heard it, who hears nothing before."""
    async with asyncio.timeout(LIMIT_S):
        while await agent.level(SUPERVISOR_HZ, GLANCE_S) > SILENT_DBFS:
            await asyncio.sleep(POLL_S)
    hearing = asyncio.create_task(_hears(agent))
    asked = await speak()
    return asked, await hearing


async def _hears(agent: Party) -> float | None:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        if await agent.level(SUPERVISOR_HZ, GLANCE_S) > HEARD_DBFS:
            return time.monotonic()
        await asyncio.sleep(POLL_S)
    return None


async def measure_ear(bench: Bench, repetitions: int) -> dict[str, Times]:
    """The customer begins to sound → it is heard."""
    times = Times()
    call = await bench.call()
    await bench.monitor(call)
    with Watcher(bench.box.card.tap_ear(), TONE_HZ) as ear:
        await asyncio.sleep(2.0)
        await _sound(call.customer, repetitions, ear.first_after, times.box)
    await bench.person.delete("/monitoring")
    async with BareClient(bench.desk, call.id) as bare:
        await asyncio.sleep(2.0)
        await _sound(call.customer, repetitions, bare.leg.first_after, times.bare)
    await call.customer.hang_up()
    return {"ear": times}


async def _quiet(first_after: FirstAfter) -> None:
    """Wait until nothing of the tone has been heard for a while."""
    async with asyncio.timeout(2 * LIMIT_S):
        while await first_after(time.monotonic(), REST_S) is not None:
            await asyncio.sleep(0)


async def _sound(
    customer: Party,
    repetitions: int,
    first_after: FirstAfter,
    times: list[float],
) -> None:
    for i in range(repetitions):
        asked = time.monotonic()
        await customer.tone(TONE_HZ, TONE_DBFS)
        _add(times, asked, await first_after(asked, LIMIT_S))
        await customer.tone(None)
        await _quiet(first_after)
        await asyncio.sleep(0.007 * (i % 5))  # so as not to be in step with the frames


async def measure_hang_ups(bench: Bench, repetitions: int) -> dict[str, Times]:
    """The customer hangs up → the page is told that the session has ended; for the bare client,
    its driver tells.
    """
    times = Times()
    async with bench.person.events() as events:
        for _ in range(repetitions):
            call = await bench.call()
            await bench.monitor(call)
            await asyncio.sleep(REST_S)
            del events[:]
            began = time.monotonic()
            await asyncio.gather(call.customer.hang_up(), eventually(lambda: _ended(events) > 0))
            _add(times.box, began, _ended(events))
            await bench.person.until("/monitoring", state="idle")
            call = await bench.call()
            async with BareClient(bench.desk, call.id) as bare:
                await asyncio.sleep(REST_S)
                began = time.monotonic()
                hanging_up = asyncio.create_task(call.customer.hang_up())
                handle = bare.handle
                took = await bench.desk.until(lambda: bench.desk.end_of(handle) is not None)  # noqa: B023
                _add(times.bare, began, began + took)
                await hanging_up
    return {"hangup": times}


def _ended(events: list[tuple[float, str, Any]]) -> float:
    """When the page was told so, or 0."""
    return next(
        (at for at, name, data in events if name == "monitoring" and data["state"] in OVER), 0.0
    )


def _add(times: list[float], began: float, ended: float | None) -> None:
    if ended is not None:
        times.append(1000 * (ended - began))
