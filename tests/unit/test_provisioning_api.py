"""Network, name and clock through the API, where there is no system bus, and what it refuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.console_world import World

HEADERS = {"X-Bargebox": "1"}
CHANGES = [
    ("PUT", "/network/eth0", {}),
    ("POST", "/network/confirm", None),
    ("DELETE", "/network/pending", None),
    ("PUT", "/box/name", {"name": "desk-7"}),
    ("PUT", "/box/clock", {"time_zone": "Etc/UTC"}),
]


async def sign_in(client: httpx.AsyncClient, user: str) -> None:
    body = {"user": user, "password": "correct horse battery"}
    assert (await client.post("/api/v1/session", json=body)).status_code == 201


async def send(client: httpx.AsyncClient, method: str, path: str, body: Any) -> httpx.Response:
    return await client.request(method, f"/api/v1{path}", json=body, headers=HEADERS)


async def test_without_a_bus_all_that_is_read_says_so(client: httpx.AsyncClient) -> None:
    await sign_in(client, "tom")
    network = (await client.get("/api/v1/network")).json()
    assert (network["managed"], network["devices"], network["pending"]) == (False, [], None)
    assert "not managed by NetworkManager" in network["detail"]
    box = (await client.get("/api/v1/box")).json()
    assert (box["names"]["managed"], box["clock"]["managed"]) == (False, False)
    assert box["clock"]["now"].endswith("Z")
    assert (await client.get("/api/v1/box/time-zones")).json() == []
    for path in ("network", "box"):
        assert (await client.get(f"/settings/{path}")).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_without_a_bus_nothing_changes(
    client: httpx.AsyncClient, world: World, method: str, path: str, body: Any
) -> None:
    await sign_in(client, "tom")
    rows = len(world.audit.rows)
    answer = await send(client, method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_absent")
    assert len(world.audit.rows) == rows


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_supervisors_may_not(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    await sign_in(client, "sam")
    answer = await send(client, method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


@pytest.mark.parametrize(
    ("path", "body", "name", "words"),
    [
        ("/network/eth0", {"vlan": 5000}, "vlan", "4094 or less"),
        ("/network/eth0", {"ipv4": {"method": "static"}}, "ipv4.addresses", "at least one"),
        ("/box/name", {"name": "-desk"}, "name", "no part begins or ends with a hyphen"),
        ("/box/name", {"name": "desk_7"}, "name", "letters, digits and hyphens"),
        ("/box/name", {"name": "x" * 65}, "name", "64 characters"),
        ("/box/name", {"name": "192.0.2.7"}, "name", "would be an address"),
        ("/box/name", {"name": "localhost"}, "name", "another name"),
        ("/box/name", {"name": " "}, "name", "needed"),
        ("/box/name", {"name": "desk", "description": "a\u0007b"}, "description", "cannot be"),
        ("/box/clock", {"time_zone": ""}, "time_zone", "needed"),
        ("/box/clock", {"time_zone": "UTC", "servers": ["a b"]}, "servers.0", "no domain name"),
        ("/box/clock", {"time_zone": "UTC", "servers": ["a", "a"]}, "servers", "there twice"),
        (
            "/box/clock",
            {"time_zone": "UTC", "time": "2026-01-01T00:00:00"},
            "time",
            "switch that off",
        ),
        (
            "/box/clock",
            {"time_zone": "UTC", "ntp": False, "time": "1999-01-01T00:00:00Z"},
            "time",
            "before the box was made",
        ),
    ],
)
async def test_every_wrong_field_is_named_in_words(
    client: httpx.AsyncClient, path: str, body: Any, name: str, words: str
) -> None:
    await sign_in(client, "tom")
    answer = await send(client, "PUT", path, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert words in answer.json()["fields"][name]


async def test_a_secret_in_a_refused_request_is_not_repeated(client: httpx.AsyncClient) -> None:
    await sign_in(client, "tom")
    secret = "hunter2-hunter2"
    access = {"method": "peap", "password": secret, "ca_certificate": secret}
    answer = await send(client, "PUT", "/network/eth0", {"access": access})
    assert answer.status_code == 422
    assert secret not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "name", "words"),
    [
        (
            "/network/eth0",
            {"ipv4": {"method": "static", "addresses": ["10.0.0.7"]}},
            "ipv4.addresses.0",
            "Geben Sie auch das Präfix an, wie in 192.0.2.10/24.",
        ),
        (
            "/network/eth0",
            {
                "ipv4": {
                    "method": "static",
                    "addresses": ["10.0.0.7/24"],
                    "gateway": "10.1.0.1",
                }
            },
            "ipv4.gateway",
            "Die Box würde ihn nicht erreichen: Er liegt nicht in 10.0.0.0/24.",
        ),
        (
            "/network/eth0",
            {"ipv4": {"dns_servers": ["10.0.0.1", "10.0.0.1"]}},
            "ipv4.dns_servers",
            "10.0.0.1 steht zweimal da; geben Sie jedes nur einmal an.",
        ),
        (
            "/box/name",
            {"name": "localhost"},
            "name",
            "Jede Maschine nennt sich selbst localhost; geben Sie einen anderen Namen an.",
        ),
    ],
)
async def test_faults_are_told_in_the_page_s_language(
    client: httpx.AsyncClient, path: str, body: Any, name: str, words: str
) -> None:
    await sign_in(client, "tom")
    headers = {"X-Bargebox": "de"}
    answer = await client.put(f"/api/v1{path}", json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["told"]["fields"] == {name: words}
