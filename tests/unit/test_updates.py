"""The API of updates where there is no updater."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from appliance.provisioning.updates.rauc import Now
from tests.support.console_world import World

HEADERS = {"X-Bargebox": "1"}
CHANGES = [
    ("PUT", "/bundle", {"stick": "usb0/a.raucb"}),
    ("PUT", "/bundle", {"address": "https://updates.example.org/a.raucb"}),
    ("DELETE", "/bundle", None),
    ("POST", "/install", {}),
    ("PUT", "/next", {"slot": "rootfs.1"}),
    ("POST", "/restart", None),
]


async def sign_in(client: httpx.AsyncClient, user: str) -> None:
    body = {"user": user, "password": "correct horse battery"}
    assert (await client.post("/api/v1/session", json=body)).status_code == 201


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_without_an_updater_nothing_changes(
    client: httpx.AsyncClient, world: World, method: str, path: str, body: Any
) -> None:
    await sign_in(client, "tom")
    view = (await client.get("/api/v1/updates")).json()
    assert (view["managed"], view["slots"]) == (False, [])
    assert "RAUC" in view["detail"]
    rows = len(world.audit.rows)
    answer = await client.request(method, f"/api/v1/updates{path}", json=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_absent")
    assert len(world.audit.rows) == rows


async def test_without_an_updater_a_file_is_not_even_read(client: httpx.AsyncClient) -> None:
    await sign_in(client, "tom")
    read = []

    async def pieces() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x" * 100_000

    headers = HEADERS | {"Content-Length": "100000"}
    answer = await client.post("/api/v1/updates/bundle", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_absent")
    assert read == []


@pytest.mark.parametrize(
    ("method", "path", "body", "name"),
    [
        ("PUT", "/bundle", {}, "body"),
        ("PUT", "/bundle", {"stick": "a", "address": "https://a/b"}, "body"),
        ("PUT", "/bundle", {"stick": ""}, "stick"),
        ("PUT", "/next", {}, "slot"),
        ("POST", "/install", {"older": "perhaps"}, "older"),
        ("POST", "/install", {"force": True}, "force"),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, method: str, path: str, body: Any, name: str
) -> None:
    await sign_in(client, "tom")
    answer = await client.request(method, f"/api/v1/updates{path}", json=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert name in answer.json()["fields"] or name == "body"


async def test_the_box_is_not_restarted_while_an_update_is_written(
    client: httpx.AsyncClient, world: World
) -> None:
    await sign_in(client, "tom")
    world.system.updates._follower.now = Now(operation="installing")
    codes = []
    for what in ("box", "services"):
        answer = await client.post("/api/v1/device/restart", json={"what": what}, headers=HEADERS)
        codes.append(answer.json()["code"])
    assert codes == ["installing", "service_absent"]  # these touch no slot; here is none of them
