"""Button press → packets: the whole way through leg, control and contact centre."""

from __future__ import annotations

import asyncio
import random

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.bench.figures import Figure
from tests.support.centre import Administrator
from tests.support.demo_world import Person, monitored
from tests.support.soundcard import sine

REST_S = 0.12
"""After a press: longer than any packet is on its way, and than the release's debounce."""


async def measure_presses(world: World, repetitions: int) -> list[Figure]:
    """*mute*: press → last audible packet. *unmute*: press → first audible packet."""
    rng = random.Random(1)
    world.card.play(sine(997.0, -6.0))
    opened: list[float] = []
    closed: list[float] = []
    async with Person(world) as person, monitored(world, person) as call:
        with VirtualPanelClient(world.panel_socket) as panel:
            for _ in range(repetitions):
                opened.append(await _press(panel, LampPattern.ON))
                await asyncio.sleep(REST_S + rng.random() * 0.04)
                closed.append(await _press(panel, LampPattern.SLOW_BREATHE))
                await asyncio.sleep(REST_S + rng.random() * 0.04)
        audible = await _audible(call.admin, call.handle)
    world.card.hush()
    unmute = [1000 * (min(t for t in audible if t >= at) - at) for at in opened]
    mute = [1000 * (max(t for t in audible if t < at + REST_S) - at) for at in closed]
    return [
        Figure("mute", [max(0.0, ms) for ms in mute], "ms", 20, "p99"),
        Figure("unmute", unmute, "ms", 60, "p99"),
    ]


async def _press(panel: VirtualPanelClient, pattern: LampPattern) -> float:
    at = panel.press(Button.MICROPHONE)
    await asyncio.to_thread(panel.wait_for, Lamp.MICROPHONE, pattern)
    await asyncio.sleep(0.05)
    panel.release(Button.MICROPHONE)
    return at


async def _audible(admin: Administrator, handle: str) -> list[float]:
    """Arrival times of every uplink packet that is not the silence frame."""
    return [packet[0] for packet in await admin.uplink(handle) if not packet[4]]
