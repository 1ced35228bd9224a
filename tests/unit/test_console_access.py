"""The ways around a permission that must not be there; who may do what is in the matrix."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from appliance.console import app as app_module
from appliance.console.access import PUBLIC, Public
from appliance.console.app import create_app
from appliance.console.declared import permissions
from appliance.console.settings import ConsoleSettings
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Permission
from tests.support.console_memory import PASSWORD
from tests.support.console_world import World, make_world

OWN = {"X-Bargebox": "1"}
PUBLIC_ROUTES = {
    "GET /healthz",
    "GET /recover",
    "GET /sign-in",
    "GET /sign-in/openid",
    "GET /sign-in/openid/back",
    "GET /static",
    "GET /api/v1/recovery",
    "POST /api/v1/recovery",
    "POST /api/v1/recovery/password",
    "POST /api/v1/session",
}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-{name}"}


async def sign_in(client: httpx.AsyncClient, name: str) -> httpx.Response:
    return await client.post("/api/v1/session", json={"user": name, "password": PASSWORD})


ROUTES = list(permissions(make_world(0).app()))


def test_every_route_declares_its_permission() -> None:
    found = dict(ROUTES)
    assert len(found) > 25
    assert all(rule is not None for rule in found.values())
    assert {path for path, rule in found.items() if isinstance(rule, Public)} == PUBLIC_ROUTES


def test_an_undeclared_route_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Feature:
        router = APIRouter()

    @Feature.router.get("/forgotten")
    async def forgotten() -> None:
        """Declares nothing."""

    monkeypatch.setattr(app_module, "FEATURES", (*app_module.FEATURES, Feature))
    with pytest.raises(RuntimeError, match="GET /api/v1/forgotten"):
        create_app(make_world(0).ports(), ConsoleSettings())


def test_a_public_mark_deep_inside_counts() -> None:
    app = FastAPI(openapi_url=None)

    async def outer(inner: None = PUBLIC) -> None:
        """Depends on the mark."""

    app.get("/x", dependencies=[Depends(outer)])(lambda: None)
    assert [type(rule) for _, rule in permissions(app)] == [Public]


async def test_a_removed_account_is_out_at_once(world: World, client: httpx.AsyncClient) -> None:
    await sign_in(client, "sam")
    assert (await client.get("/api/v1/session")).json()["user"] == "sam"
    del world.accounts.accounts["sam"]
    assert (await client.get("/api/v1/session")).status_code == 401
    assert (await client.get("/api/v1/session", headers=bearer("sam"))).status_code == 401


async def test_a_technician_learns_nothing_of_calls(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.monitoring.monitor(world.accounts.accounts["sam"], "call-00001")
    answer = await client.put(
        "/api/v1/monitoring/microphone", json={"muted": True}, headers=bearer("tom")
    )
    assert answer.json() == {"state": "listening"}
    assert (await client.get("/", headers=bearer("tom"))).headers["location"] == "/panel"


# -- the cookie


async def test_the_cookie_cannot_be_read_or_sent_from_elsewhere(client: httpx.AsyncClient) -> None:
    cookie = (await sign_in(client, "sam")).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback; with TLS see below


@pytest.fixture
def tls_app(world: World) -> FastAPI:
    return world.app(https="on")


async def test_with_tls_the_cookie_is_secure(tls_app: FastAPI) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(tls_app), base_url="https://box"
    ) as client:
        answer = await sign_in(client, "sam")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        ({"Origin": "http://box"}, 200),
        ({}, 403),
        ({"Origin": "http://evil.example", **OWN}, 403),
        ({"Origin": "null", **OWN}, 403),
        ({"Origin": "http://box:81", **OWN}, 403),
        ({"Sec-Fetch-Site": "cross-site", **OWN}, 403),
    ],
)
async def test_foreign_pages_cannot_change_anything(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await sign_in(client, "sam")
    answer = await client.put("/api/v1/device/volume", json={"percent": 5}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "foreign_origin"


async def test_a_foreign_page_cannot_sign_the_browser_in(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/session",
        json={"user": "sam", "password": PASSWORD},
        headers={"Origin": "http://evil.example"},
    )
    assert answer.json()["code"] == "foreign_origin"
    assert COOKIE not in client.cookies


async def test_a_token_needs_no_page(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/device/volume", json={"percent": 5}, headers=bearer("sam"))
    assert answer.status_code == 200
    assert answer.json()["volume"] == 5


@pytest.mark.parametrize("value", ["Bearer ", "Bearer wrong", "Basic c2FtOnNhbQ==", "Bearer \xe9"])
async def test_bad_tokens_are_refused(client: httpx.AsyncClient, value: str) -> None:
    headers = [(b"authorization", value.encode("latin-1"))]
    answer = await client.get("/api/v1/session", headers=headers)
    assert answer.status_code == 401


# -- the one-time password


async def test_nothing_works_before_the_one_time_password_is_changed(
    client: httpx.AsyncClient,
) -> None:
    signed_in = await sign_in(client, "new")
    assert signed_in.json()["must_change_password"] is True
    for path, rule in ROUTES:
        method, where = path.split(" ")
        if isinstance(rule, Public) or (rule is not None and rule.must_change_ok):
            continue
        where = re.sub(r"{\w+}", "call-00001", where)
        answer = await client.request(method, where, headers=OWN)
        assert (answer.status_code, answer.json()["code"]) == (403, "must_change_password"), path
    page = await client.get("/interactions", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/change-password")


async def test_changing_the_password_opens_the_box_and_closes_other_browsers(
    world: World, client: httpx.AsyncClient
) -> None:
    await sign_in(client, "new")
    other = client.cookies[COOKIE]
    client.cookies.clear()
    await sign_in(client, "new")
    body = {"old": PASSWORD, "new": "short"}
    answer = await client.put("/api/v1/session/password", json=body, headers=OWN)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_account")
    body = {"old": "not this one", "new": "another long one"}
    answer = await client.put("/api/v1/session/password", json=body, headers=OWN)
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_refused")
    body = {"old": PASSWORD, "new": "another long one"}
    answer = await client.put("/api/v1/session/password", json=body, headers=OWN)
    assert answer.status_code == 204
    assert (await client.get("/api/v1/interactions")).status_code == 200
    client.cookies.clear()
    client.cookies.set(COOKIE, other)
    assert (await client.get("/api/v1/interactions")).status_code == 401


async def test_signing_out_ends_the_cookie_and_spares_the_token(client: httpx.AsyncClient) -> None:
    await sign_in(client, "sam")
    cookie = client.cookies[COOKIE]
    assert (await client.delete("/api/v1/session", headers=OWN)).status_code == 204
    client.cookies.set(COOKIE, cookie)
    assert (await client.get("/api/v1/session")).status_code == 401
    client.cookies.clear()
    await client.delete("/api/v1/session", headers=bearer("sam"))
    assert (await client.get("/api/v1/session", headers=bearer("sam"))).status_code == 200


def test_permission_names_are_the_platforms() -> None:
    assert {"MONITOR_ALL_CALLS", "BARGE_ALL_CALLS", "VIEW_ALL_MONITORED_CALLS"} <= set(Permission)
