"""A watched call at the whole box: page, lamp, and nothing while nobody looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from appliance.control_link.words import LampPattern
from appliance.demo.box import Person as Someone
from appliance.demo.world import Options, World
from appliance.leg.announcement import SHOWN_S
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import Person, demo_world, open_centre
from tests.support.waiting import eventually

SAM = Someone("sam", "Supervisor")
QUEUE = "Sales/EMEA"


@asynccontextmanager
async def open_page(world: World) -> AsyncIterator[list[dict[str, Any]]]:
    """What a page that sam has signed in to is told of watched calls."""
    told: list[dict[str, Any]] = []
    ready = asyncio.Event()
    async with httpx.AsyncClient(base_url=f"{world.url}/api/v1", timeout=10) as browser:
        sign_in = {"user": SAM.name, "password": SAM.password}
        (await browser.post("/session", json=sign_in)).raise_for_status()

        async def read() -> None:
            async with browser.stream("GET", "/events", timeout=None) as stream:
                name = ""
                async for line in stream.aiter_lines():
                    ready.set()
                    if line.startswith("event:"):
                        name = line.removeprefix("event:").strip()
                    elif line.startswith("data:") and name == "watch":
                        told.append(json.loads(line.removeprefix("data:")))

        reading = asyncio.create_task(read())
        try:
            async with asyncio.timeout(10):
                await ready.wait()
            yield told
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def ids(told: list[dict[str, Any]]) -> list[str]:
    return [one["interaction"]["id"] for one in told]


async def test_a_watched_call_is_told_by_page_and_lamp_while_a_page_is_open(
    tmp_path: Path,
) -> None:
    async with (
        demo_world(tmp_path, Options(people=(SAM,))) as world,
        Person(world) as script,
        open_centre(world) as admin,
    ):
        await script.put("/watches/agent/agent-bruno", {"name": "Bruno Keller"})
        await script.put("/watches/queue/Sales%2FEMEA", {})
        with VirtualPanelClient(world.panel_socket) as panel:

            async def next_call(**call: Any) -> str:
                """A call that begins, once the box lists it."""
                interaction = await admin.create_call(**call)
                await script.listed(interaction)
                return interaction

            async with script.events():  # a script listens: that is nobody at the desk
                missed = await next_call(agent="agent-bruno")
                await asyncio.sleep(0.5)
                shown = panel.lamp(Lamp.STATUS)
                assert shown is not None
                assert shown.pattern is LampPattern.ON
            async with open_page(world) as told:
                # It may be the next one of somebody who was between two pages.
                await eventually(lambda: ids(told) == [missed])
                await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.QUICK_BLINK)
                await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.ON, SHOWN_S + 5.0)
                watched = await next_call(agent="agent-ada", queue=QUEUE)
                await next_call(agent="agent-chandra")
                await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.QUICK_BLINK)
                await eventually(lambda: ids(told) == [missed, watched])
                assert told[-1]["because"] == [{"kind": "queue", "target": QUEUE, "name": QUEUE}]
                lamp = panel.lamp(Lamp.MICROPHONE)
                assert lamp is not None
                assert lamp.pattern is LampPattern.OFF
                await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.ON, SHOWN_S + 5.0)
                # Transferred while somebody listens to another call: told, and heard silently.
                mine, moved = await next_call(), await next_call()
                await script.post(f"/interactions/{mine}/monitor")
                await admin.do("transfer", call=moved, to="agent-bruno", seconds=0.1)
                await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.QUICK_BLINK)
                await eventually(lambda: ids(told) == [missed, watched, moved])
                assert (await script.get("/monitoring"))["muted"] is True
                await script.delete("/monitoring")
