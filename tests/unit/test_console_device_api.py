"""The box itself over the API: its buttons, its self-test, and the check of its connection."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from appliance.console.app import create_app
from appliance.console.settings import ConsoleSettings
from appliance.control_link.states import HeadsetState
from appliance.control_link.words import Button
from appliance.platforms.protocol import PlatformConnection
from tests.support.console_world import World

SAM = {"Authorization": "Bearer token-sam"}


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Sam at the API."""
    client.base_url = httpx.URL("http://box/api/v1")
    client.headers.update(SAM)
    return client


async def test_device_and_its_buttons(world: World, client: httpx.AsyncClient) -> None:
    body = (await client.get("/device")).json()
    assert body["virtual"] is True
    assert body["headset"]["present"] is True
    assert body["lamps"] == {"microphone": "off", "status": "on"}
    for down in (True, False):
        press = {"button": "microphone", "down": down}
        assert (await client.post("/device/panel", json=press)).status_code == 204
    assert world.panel.presses == [(Button.MICROPHONE, True), (Button.MICROPHONE, False)]


async def test_the_self_test_tells_each_check(world: World, client: httpx.AsyncClient) -> None:
    body = (await client.post("/device/selftest")).json()
    assert body == {
        "passed": True,
        "checks": [
            {"name": "headset present", "passed": True, "detail": "Jabra Evolve2 40"},
            {"name": "platform", "passed": True, "detail": "connected to sandbox"},
        ],
    }
    for detail, words in (("The centre is away.",) * 2, ("", "sandbox cannot be reached")):
        world.book.take(PlatformConnection(False, detail))
        body = (await client.post("/device/selftest")).json()
        assert body["passed"] is False
        assert body["checks"][1] == {"name": "platform", "passed": False, "detail": words}
    world.monitoring.headset = HeadsetState()
    world.book.take(PlatformConnection(True))
    body = (await client.post("/device/selftest")).json()
    assert [check["passed"] for check in body["checks"]] == [False, True]
    assert body["passed"] is False


async def test_the_connection_check_tells_each_step(client: httpx.AsyncClient) -> None:
    technician = {"Authorization": "Bearer token-tom"}
    body = (await client.post("/platform/check", headers=technician)).json()
    assert (body["platform"], body["passed"]) == ("sandbox", False)
    assert [(step["step"], step["passed"]) for step in body["steps"]] == [
        ("address", True),
        ("sign_in", False),
    ]


async def test_the_self_test_does_not_open_the_microphone_in_a_call(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/interactions/call-00001/monitor")
    answer = await client.post("/device/selftest")
    assert (answer.status_code, answer.json()["code"]) == (409, "busy")


@pytest.fixture
def app_of_a_real_board(world: World) -> FastAPI:
    return create_app(replace(world.ports(), panel=None), ConsoleSettings(names=("box",)))


async def test_a_real_board_is_pressed_by_hand_only(app_of_a_real_board: FastAPI) -> None:
    transport = httpx.ASGITransport(app_of_a_real_board)
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
        press = {"button": "microphone", "down": True}
        answer = await client.post("/api/v1/device/panel", json=press, headers=SAM)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_virtual")
