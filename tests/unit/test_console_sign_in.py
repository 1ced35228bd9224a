"""Sign-ins in memory and the brake on guessing."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from appliance.console.settings import ConsoleError, ConsoleSettings
from appliance.console.throttle import FREE_TRIES, LONGEST_PAUSE, MAX_KEYS, Throttle
from appliance.console.web_sessions import WebSessions
from tests.support.console_world import PASSWORD, World, make_world


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sessions(clock: Clock, limit: int = 3) -> WebSessions:
    return WebSessions(idle=100, longest=250, limit=limit, clock=clock)


def test_a_session_ends_when_idle_and_when_old(clock: Clock) -> None:
    store = sessions(clock)
    cookie = store.open("sam")
    for _ in range(3):
        clock.now += 80
        assert store.use(cookie) is not None
    clock.now += 80  # 320 s old, though never idle
    assert store.use(cookie) is None
    cookie = store.open("sam")
    clock.now += 101
    assert store.use(cookie) is None
    assert len(store) == 0


def test_cookies_are_random_and_bounded(clock: Clock) -> None:
    store = sessions(clock)
    first, second, third = (store.open("sam") for _ in range(3))
    assert len({first, second, third}) == 3
    assert len(first) >= 43  # 256 bits
    store.use(first)
    store.open("sue")
    assert store.use(second) is None  # unused for longest
    assert store.use(first) is not None
    assert len(store) == 3


def test_an_account_is_signed_out_everywhere_but_here(clock: Clock) -> None:
    store = sessions(clock, limit=9)
    here, there, other = store.open("sam"), store.open("sam"), store.open("sue")
    store.close_account("sam", keep=here)
    assert store.use(here) is not None
    assert store.use(there) is None
    assert store.use(other) is not None
    store.close(other)
    assert store.use(other) is None
    assert store.use("") is None


def test_the_pause_grows_and_ends(clock: Clock) -> None:
    brake = Throttle(clock)
    for _ in range(FREE_TRIES):
        brake.check("a")
        brake.failed("a")
    with pytest.raises(ConsoleError) as refused:
        brake.check("b", "a")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    brake.check("b")
    for _ in range(20):
        brake.failed("a")
    with pytest.raises(ConsoleError) as refused:
        brake.check("a")
    assert refused.value.retry_after == LONGEST_PAUSE
    clock.now += LONGEST_PAUSE
    brake.check("a")
    brake.succeeded("a")
    brake.failed("a")
    brake.check("a")


def test_old_failures_are_forgotten_and_memory_is_bounded(clock: Clock) -> None:
    brake = Throttle(clock)
    for _ in range(FREE_TRIES + 4):
        brake.failed("a")
    clock.now += 1000
    brake.failed("a")
    brake.check("a")
    for n in range(MAX_KEYS + 50):
        brake.failed(n)
    assert len(brake._failures) == MAX_KEYS


@pytest.fixture
def world() -> World:
    return make_world(0)


@pytest.fixture
def app(world: World) -> FastAPI:
    return world.app()


async def test_guessing_slows_down_the_address_for_every_name(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:

        async def attempt(user: str, password: str) -> httpx.Response:
            return await client.post("/api/v1/session", json={"user": user, "password": password})

        for n in range(FREE_TRIES):
            answer = await attempt(f"guess-{n}", "wrong")
            assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_refused")
        answer = await attempt("sam", PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
        assert int(answer.headers["retry-after"]) >= 1


async def test_many_at_once_do_not_slip_through(world: World, app: FastAPI) -> None:
    checked = 0

    async def slow(name: str, password: str) -> None:
        nonlocal checked
        checked += 1
        await asyncio.sleep(0.01)
        await world.accounts.get(name)
        raise ConsoleError(401, "sign_in_refused", "no")

    world.accounts.sign_in = slow  # type: ignore[method-assign, assignment]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://box") as client:
        body = {"user": "sam", "password": "wrong"}
        answers = await asyncio.gather(
            *(client.post("/api/v1/session", json=body) for _ in range(40))
        )
    assert {answer.status_code for answer in answers} == {401, 429}
    assert checked <= FREE_TRIES


def test_settings_are_refused_whole() -> None:
    with pytest.raises(ValueError, match="tls_key"):
        ConsoleSettings.model_validate({"tls_certificate": "cert.pem"})
    with pytest.raises(ValueError, match="prot"):
        ConsoleSettings.model_validate({"prot": 1})
