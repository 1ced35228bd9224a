"""A person tries headset and panel on the whole box: what is open, what is told, what is sent."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.control_link.words import Button, LampPattern
from appliance.demo.world import World
from appliance.leg.aside import PAUSE_S
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.support.box_people import audit
from tests.support.demo_world import (
    HERTZ,
    Person,
    open_centre,
    speaking_world,
)

SILENT_DBFS = -80.0
AT_ONCE_S = 0.5
CONTROL_GONE_S = 3.5
"""Control counts as there for 2.5 s after it was heard last."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with speaking_world(tmp_path) as world:
        yield world


@pytest.fixture
async def person(world: World) -> AsyncIterator[Person]:
    async with Person(world) as person:
        yield person


@pytest.fixture
def panel(world: World) -> Iterator[VirtualPanelClient]:
    with VirtualPanelClient(world.panel_socket) as panel:
        yield panel


async def shows(panel: VirtualPanelClient, pattern: LampPattern, limit_s: float = 5.0) -> float:
    """Wait until the microphone's lamp shows it; how long that took."""
    began = time.monotonic()
    await asyncio.to_thread(panel.wait_for, Lamp.MICROPHONE, pattern, limit_s)
    return time.monotonic() - began


async def open_microphone(person: Person, panel: VirtualPanelClient) -> None:
    """Begin the check, and wait until the microphone's sound comes, with the lamp lit."""
    await person.post("/device/check", {"kind": "headset"})
    await shows(panel, LampPattern.ON)
    await person.until("/device/check", running="headset", voice=True)
    assert (await person.get("/device"))["headset"]["capturing"] is True


async def closed(person: Person) -> None:
    """The microphone's stream is not open any more."""
    async with asyncio.timeout(5):
        while (await person.get("/device"))["headset"]["capturing"]:
            await asyncio.sleep(0.01)


async def test_the_microphones_level_is_told_and_its_stream_closed_again(
    world: World, person: Person, panel: VirtualPanelClient
) -> None:
    async with open_centre(world) as admin, person.events() as seen:
        await open_microphone(person, panel)
        assert (await admin.do("legs"))["legs"] == [], "no leg that could send anything"
        async with asyncio.timeout(5):  # the first block may have caught the tone's beginning only
            while (await person.get("/device/check"))["loudest"] < -6.0:
                await asyncio.sleep(0.02)
        await person.delete("/device/check")
        assert await shows(panel, LampPattern.OFF) < AT_ONCE_S
        await closed(person)
        check = await person.get("/device/check")
        assert (check["running"], check["end"], check["level"]) == (None, "asked", -100.0)
        levels = [data["level"] for _, name, data in seen if name == "check" and data["running"]]
        assert max(levels) == pytest.approx(check["loudest"])
        assert -6.0 < check["loudest"] < 0.0, "the tone at the microphone has -3 dBFS"
    assert ("supervisor", "headset_checked", {}) in await audit(person)


async def test_a_call_that_is_joined_meanwhile_hears_nothing_of_it(
    world: World, person: Person, panel: VirtualPanelClient
) -> None:
    """The join comes while the microphone is open: from the first packet on all are silence."""
    async with open_centre(world) as admin:
        call = await admin.create_call()
        await person.listed(call)
        await open_microphone(person, panel)
        joining = asyncio.create_task(person.post(f"/interactions/{call}/monitor"))
        await joining
        check = await person.get("/device/check")
        assert (check["running"], check["end"]) == (None, "call")
        await closed(person)
        (leg,) = (await admin.do("legs"))["legs"]
        await asyncio.sleep(1.3)  # the centre measures the last second
        packets = await admin.uplink(leg["handle"])
        assert len(packets) > 50
        assert all(packet[4] for packet in packets)
        for party in ("agent", "customer"):
            assert await admin.measure(call, party, HERTZ) < SILENT_DBFS
        refused = await person.request("POST", "/device/check", {"kind": "headset"})
        assert (refused.status_code, refused.json()["code"]) == (409, "busy")
        assert (await person.get("/device"))["headset"]["capturing"] is False
        await person.delete("/monitoring")
        await admin.do("end", call=call)


@pytest.mark.parametrize("button", Button)
async def test_a_press_closes_the_microphone_and_is_no_other_press(
    person: Person, panel: VirtualPanelClient, button: Button
) -> None:
    await open_microphone(person, panel)
    await asyncio.to_thread(panel.press, button)
    assert await shows(panel, LampPattern.OFF) < AT_ONCE_S
    await asyncio.to_thread(panel.release, button)
    await closed(person)
    assert (await person.get("/device/check"))["end"] == "button"
    assert not [row for row in await audit(person) if row[1] == "press"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_it_closes_by_itself_when_control_goes(
    world: World, person: Person, panel: VirtualPanelClient, how: signal.Signals
) -> None:
    await open_microphone(person, panel)
    pid = world.control.pid
    assert pid is not None
    os.kill(pid, how)
    try:
        limit_s = AT_ONCE_S if how is signal.SIGKILL else CONTROL_GONE_S
        assert await shows(panel, LampPattern.OFF, 10.0) < limit_s
    finally:
        if how is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)


async def test_presses_reach_the_page_and_nothing_else_and_lamps_blink(
    person: Person, panel: VirtualPanelClient
) -> None:
    await person.post("/device/check", {"kind": "panel"})
    for button in Button:
        await asyncio.to_thread(panel.tap, button)
    check = await person.until("/device/check", pressed=["hang_up", "microphone"])
    assert (await person.get("/device"))["headset"]["capturing"] is False
    for lamp in Lamp:
        check = await person.put("/device/check/lamp", {"lamp": lamp})
        await asyncio.to_thread(panel.wait_for, lamp, LampPattern.QUICK_BLINK)
    assert check["lit"] == ["microphone", "status"]
    await person.delete("/device/check")
    await asyncio.to_thread(panel.wait_for, Lamp.STATUS, LampPattern.ON)
    refused = await person.request("PUT", "/device/check/lamp", {"lamp": "status"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_check")
    assert not [row for row in await audit(person) if row[1] == "press"]
    await asyncio.to_thread(panel.tap, Button.HANG_UP)
    async with asyncio.timeout(5):
        while not [row for row in await audit(person) if row[1] == "press"]:
            await asyncio.sleep(0.05)


async def test_a_row_of_presses_goes_on_into_a_call_and_un_mutes_nobody(
    world: World, person: Person, panel: VirtualPanelClient
) -> None:
    """Somebody tries the buttons while somebody else joins, and does not look up."""
    async with open_centre(world) as admin:
        call = await admin.create_call()
        await person.listed(call)
        await person.post("/device/check", {"kind": "panel"})
        await asyncio.to_thread(panel.tap, Button.MICROPHONE)
        joining = asyncio.create_task(person.post(f"/interactions/{call}/monitor"))
        while not joining.done():
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            await asyncio.sleep(0.1)
        await joining
        (leg,) = (await admin.do("legs"))["legs"]
        for _ in range(8):
            await asyncio.to_thread(panel.tap, Button.MICROPHONE)
            await asyncio.sleep(0.4)
            assert (await person.get("/device"))["headset"]["capturing"] is False
        view = await person.get("/monitoring")
        assert (view["state"], view["muted"]) == ("listening", True)
        packets = await admin.uplink(leg["handle"])
        assert len(packets) > 100
        assert all(packet[4] for packet in packets)
        for party in ("agent", "customer"):
            assert await admin.measure(call, party, HERTZ) < SILENT_DBFS
        assert not [row for row in await audit(person) if row[1] == "unmute"]
        await asyncio.sleep(PAUSE_S + 0.2)
        await asyncio.to_thread(panel.tap, Button.MICROPHONE)
        await person.until("/monitoring", muted=False)
        await person.delete("/monitoring")
        await admin.do("end", call=call)
