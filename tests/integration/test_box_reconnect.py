"""The whole box at the sandbox when the sound of a leg stays away: a fresh leg, and muted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import Options, World
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.demo_world import (
    HERTZ,
    Monitored,
    Person,
    monitored,
    speaking_world,
)

SILENT, HEARD = -80.0, -45.0
LIVE = {"muted": False}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    options = Options(settings={"leg": {"media_timeout_s": 3.0}})
    async with speaking_world(tmp_path, options) as world:
        yield world


async def fresh_leg(call: Monitored) -> Any:
    """The one leg of the call, once it is another one than at the beginning."""
    async with asyncio.timeout(20):
        while True:
            legs = (await call.admin.do("legs"))["legs"]
            if len(legs) == 1 and legs[0]["handle"] != call.handle:
                return legs[0]
            await asyncio.sleep(0.02)


async def heard(call: Monitored) -> float:
    await asyncio.sleep(1.2)
    level = await call.admin.measure(call.interaction, "customer", HERTZ)
    assert isinstance(level, float)
    return level


async def test_live_at_the_loss_a_fresh_leg_sends_nothing_but_silence(world: World) -> None:
    async with Person(world) as person, monitored(world, person) as call:
        await person.put("/monitoring/microphone", LIVE)
        assert await heard(call) > HEARD
        await call.admin.do("drop_media", handle=call.handle)
        view = await person.until("/monitoring", state="reconnecting")
        assert (view["session_id"], view["muted"]) == (call.session_id, True)
        with VirtualPanelClient(world.panel_socket) as panel:
            panel.wait_for(Lamp.STATUS, LampPattern.SHORT_BLINK)
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            leg = await fresh_leg(call)
            view = await person.until("/monitoring", state="listening")
            assert (view["session_id"], view["muted"]) == (call.session_id, True)
            panel.wait_for(Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
        assert await heard(call) < SILENT
        packets = await call.admin.uplink(leg["handle"])
        assert len(packets) > 40
        assert all(packet[4] for packet in packets), "an uplink payload was not the silence frame"
        assert all(packet[4] for packet in (await call.admin.uplink(call.handle))[-20:])
        await person.put("/monitoring/microphone", LIVE)
        assert await heard(call) > HEARD
        await person.delete("/monitoring")
        row = (await person.get("/history"))["items"][0]
        assert (row["session_id"], row["end_reason"]) == (call.session_id, "hung_up")
        assert len(row["barges"]) == 2
        audit = (await person.get("/audit"))["items"]
        presses = [json.loads(row["detail"])["action"] for row in audit if row["action"] == "press"]
        assert presses == ["unmute_refused"]
        assert "reconnected" in {row["action"] for row in audit}
