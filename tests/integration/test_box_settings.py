"""Settings that are chosen on the page: used by control and leg at once, and in no call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from appliance.control_link.words import Button
from appliance.leg.presses import TALK_HOLD_S
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import Person, demo_world, monitored, open_centre

WANTED = {"panel": {"push_to_talk": True}, "site": {"ask_reason": True, "reasons": ["Training"]}}


async def used(person: Person) -> dict[str, object]:
    """The settings of the next life, once it serves."""
    async with asyncio.timeout(30):
        while True:
            try:
                found = await person.get("/settings")
            except httpx.HTTPError:
                found = {"restarting": True}
            if not found["restarting"]:
                settings: dict[str, object] = found["settings"]
                return settings
            await asyncio.sleep(0.1)


async def test_a_call_goes_on_and_afterwards_both_processes_use_them(tmp_path: Path) -> None:
    async with demo_world(tmp_path) as world, Person(world) as person:
        async with monitored(world, person) as call:
            refused = await person.request("PUT", "/settings", WANTED)
            assert (refused.status_code, refused.json()["code"]) == (409, "busy")
            view = await person.get("/monitoring")
            assert (view["state"], view["muted"]) == ("listening", True)
            packets = await call.admin.uplink(call.handle)
            assert packets
            assert all(packet[4] for packet in packets), "not the silence frame"
        await person.until("/monitoring", state="idle")
        await person.put("/settings", WANTED)
        settings = await used(person)
        assert settings["panel"] == {"board": "virtual", "push_to_talk": True}
        assert (await person.get("/monitoring/terms"))["reasons"] == ["Training"]
        async with asyncio.timeout(30):
            while world.leg.starts < 2 or not (await person.get("/device"))["headset"]["playing"]:
                await asyncio.sleep(0.1)
        assert world.leg.starts == 2
        async with open_centre(world) as admin:
            interaction = await admin.create_call()
            await person.listed(interaction)
            await person.post(f"/interactions/{interaction}/monitor", {"reason": "Training"})
            with VirtualPanelClient(world.panel_socket) as panel:
                await asyncio.to_thread(panel.press, Button.MICROPHONE)
                await person.until("/monitoring", muted=False)
                await asyncio.sleep(TALK_HOLD_S)  # a shorter press toggles in any case
                await asyncio.to_thread(panel.release, Button.MICROPHONE)
                await person.until("/monitoring", muted=True)
            await person.delete("/monitoring")
