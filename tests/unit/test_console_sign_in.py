"""Sign-ins, what a restart leaves of them, and the brake on guessing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from appliance.console.first_password import FirstPassword
from appliance.console.kept_sign_ins import KeptSignIns
from appliance.console.local_access import BoxAccounts
from appliance.console.settings import ConsoleError, ConsoleSettings
from appliance.console.throttle import (
    FORGET_AFTER,
    FREE_TRIES,
    LONGEST_PAUSE,
    MAX_KEYS,
    Failures,
    Throttle,
)
from appliance.console.web_sessions import MAX_OF_ONE, WebSessions
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.store import Store, StoreError
from tests.support.console_memory import PASSWORD
from tests.support.console_world import World

SAM, SUE = (Account(name, "Supervisor", ROLES["Supervisor"]) for name in ("sam", "sue"))


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
    cookie = store.open(SAM)
    for _ in range(3):
        clock.now += 80
        assert store.use(cookie) is not None
    clock.now += 80  # 320 s old, though never idle
    assert store.use(cookie) is None
    cookie = store.open(SAM)
    clock.now += 101
    assert store.use(cookie) is None
    assert len(store) == 0


def test_cookies_are_random_and_bounded(clock: Clock) -> None:
    store = sessions(clock)
    first, second, third = (store.open(SAM) for _ in range(3))
    assert len({first, second, third}) == 3
    assert len(first) >= 43  # 256 bits
    store.use(first)
    store.open(SUE)
    assert store.use(second) is None  # unused for longest
    assert store.use(first) is not None
    assert len(store) == 3


def test_an_account_is_signed_out_everywhere_but_here(clock: Clock) -> None:
    store = sessions(clock, limit=9)
    here, there, other = store.open(SAM), store.open(SAM), store.open(SUE)
    store.close_account("sam", keep=here)
    assert store.use(here) is not None
    assert store.use(there) is None
    assert store.use(other) is not None
    store.close(other)
    assert store.use(other) is None
    assert store.use("") is None


async def test_a_sign_in_outlives_the_process_and_a_sign_out_too(
    clock: Clock, tmp_path: Path
) -> None:
    store = await Store.open(tmp_path / "box.sqlite3")
    accounts = BoxAccounts(store, FirstPassword(tmp_path / "first-password"))
    former = sessions(clock)
    here, left = former.open(SAM), former.open(SUE)
    former.close(left)
    clock.now += 30
    await KeptSignIns(former, accounts, clock=lambda: 5000.0).keep()
    assert here not in await accounts.kept_sign_ins()
    clock.now = 7.0  # the box was started anew, and its clock of uptime with it
    later = sessions(clock)
    await KeptSignIns(later, accounts, clock=lambda: 5060.0).recall()
    assert later.use(left) is None
    used = later.use(here)
    assert used is not None
    assert used.account == "sam"
    assert clock.now - used.created == pytest.approx(90)
    late = sessions(clock)
    await KeptSignIns(late, accounts, clock=lambda: 5101.0).recall()
    assert late.use(here) is None, "away for longer than it may be idle"
    early = sessions(clock)
    await KeptSignIns(early, accounts, clock=lambda: 4960.0).recall()
    assert len(early) == 0, "nobody knows its age when the clock was set back"
    await accounts.close()
    await store.close()


@pytest.mark.parametrize("text", ["{", "[1]", '[{"key": "x", "account": "a"}]', "[]", ""])
async def test_what_was_kept_badly_signs_nobody_in(clock: Clock, world: World, text: str) -> None:
    world.accounts.sign_ins = text
    recalled = sessions(clock)
    await KeptSignIns(recalled, world.accounts).recall()
    assert len(recalled) == 0


async def test_a_failing_disk_stops_no_sign_in(world: World, app: FastAPI) -> None:
    async def full(text: str) -> None:
        raise StoreError("The box's disk is full.")

    world.accounts.keep_sign_ins = full  # type: ignore[method-assign]
    async with _browser(app) as browser:
        answer = await browser.post("/api/v1/session", json={"user": "sam", "password": PASSWORD})
        assert answer.status_code == 201
        assert (await browser.get("/api/v1/session")).status_code == 200


@pytest.fixture
def lives(world: World) -> list[FastAPI]:
    """The same box, started three times."""
    return [world.app() for _ in range(3)]


async def test_a_restarted_process_knows_the_browser_again(lives: list[FastAPI]) -> None:
    first, second, third = lives
    async with _browser(first) as browser:
        body = {"user": "sam", "password": PASSWORD}
        await browser.post("/api/v1/session", json=body)
        cookies = dict(browser.cookies)
    await second.state.console.kept_sign_ins.recall()
    async with _browser(second, cookies) as browser:
        assert (await browser.get("/api/v1/session")).json()["user"] == "sam"
        await browser.delete("/api/v1/session", headers={"X-Bargebox": "1"})
    await third.state.console.kept_sign_ins.recall()
    async with _browser(third, cookies) as browser:
        assert (await browser.get("/api/v1/session")).status_code == 401


def _browser(app: FastAPI, cookies: dict[str, str] | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://box", cookies=cookies)


def test_no_account_pushes_the_others_out(clock: Clock) -> None:
    store = sessions(clock, limit=MAX_OF_ONE + 5)
    other = store.open(SUE)
    opened = [store.open(SAM) for _ in range(MAX_OF_ONE + 9)]
    assert store.use(other) is not None
    assert [store.use(cookie) is not None for cookie in opened] == [False] * 9 + [True] * MAX_OF_ONE


def test_the_pause_grows_and_ends(clock: Clock) -> None:
    brake = Throttle(clock)
    for _ in range(FREE_TRIES):
        brake.check("a")
        brake.failed("a")
    with pytest.raises(ConsoleError) as refused:
        brake.check("a")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    brake.check("b")
    for _ in range(20):
        brake.failed("a")
    with pytest.raises(ConsoleError) as refused:
        brake.check("a")
    assert refused.value.retry_after == LONGEST_PAUSE
    clock.now += LONGEST_PAUSE
    brake.check("a")


def test_failures_are_taken_back_one_by_one_forgotten_and_bounded(clock: Clock) -> None:
    failures = Failures(clock)
    for _ in range(3):
        failures.add("a")
    failures.take_back("a")
    assert failures.count("a") == 2
    clock.now += FORGET_AFTER + 1
    assert failures.count("a") == 0
    failures.add("a")
    failures.take_back("a")
    failures.take_back("a")
    assert (failures.count("a"), len(failures)) == (0, 0)
    for n in range(MAX_KEYS + 50):
        failures.add(n)
    assert len(failures) == MAX_KEYS
    assert (failures.count(49), failures.count(50)) == (0, 1)


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
