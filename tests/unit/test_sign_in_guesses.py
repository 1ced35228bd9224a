"""Ten thousand guesses at real accounts: few hashes, rows that say so, and nobody is locked out."""

from __future__ import annotations

import json
import time
from collections import Counter

import httpx
import pytest

from appliance.console.device_cookies import LASTS_S
from appliance.console.refused_sign_ins import ROWS
from appliance.console.throttle import FREE_TRIES
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD

GUESSES = 10_000
WRONG = "a wrong guess"


@pytest.fixture
def box(accounts_box: AccountsWorld) -> AccountsWorld:
    return accounts_box


async def guess(client: httpx.AsyncClient, user: str, password: str = WRONG) -> int:
    body = {"user": user, "password": password}
    return (await client.post("/api/v1/session", json=body)).status_code


async def flood(box: AccountsWorld, names: list[str]) -> Counter[int]:
    """A guess at each name, from one address; the answers' statuses."""
    async with box.client(address="10.0.0.66") as attacker:
        answers = Counter([await guess(attacker, name) for name in names])
    assert set(answers) == {401, 429}
    return answers


async def owner_gets_in(box: AccountsWorld) -> None:
    async with box.client(address="10.0.0.9") as elsewhere:
        assert await guess(elsewhere, "sam", PASSWORD) == 201


@pytest.mark.parametrize("spread", [False, True])
async def test_ten_thousand_guesses_cost_few_hashes_and_lock_nobody_out(
    box: AccountsWorld, spread: bool
) -> None:
    people = ["admin", "sam", "tom"]
    names = [(people[n % 3] if n % 2 else f"name {n}") if spread else "sam" for n in range(GUESSES)]
    async with box.signed_in("sam", address="10.0.0.66") as known:
        before, began = box.accounts.passwords.operations, time.monotonic()
        answers = await flood(box, names)
        hashes = box.accounts.passwords.operations - before
        # Five tries, the doubling pauses, one a minute; and the hash that stands for nobody.
        allowed = FREE_TRIES + 7 + (time.monotonic() - began) / 60 + 1
        print(f"{GUESSES} guesses: {hashes} hashes, {answers[429]} braked")
        assert answers[401] <= hashes <= allowed
        assert await guess(known, "sam", PASSWORD) == 201, "the same address, but a known browser"
        await owner_gets_in(box)
    await box.app.state.console.refused.write()
    rows = await box.records("sign_in_refused")
    assert len(rows) <= ROWS
    assert sum(json.loads(row.detail)["count"] for row in rows) == GUESSES


async def test_unknown_name_locked_account_and_wrong_password_look_alike(
    box: AccountsWorld,
) -> None:
    admin = await box.accounts.get("admin")
    assert admin is not None
    await box.manager.set_locked(admin, "tom", True)
    with pytest.raises(Exception, match="not right"):
        await box.accounts.sign_in("nobody", PASSWORD)  # makes the hash that stands for nobody
    seen = []
    for n, name in enumerate(("sam", "nobody", "tom", "SAM", "no\0body")):
        before = box.accounts.passwords.operations
        async with box.client(address=f"10.0.1.{n}") as stranger:
            body = {"user": name, "password": "a wrong guess"}
            answer = await stranger.post("/api/v1/session", json=body)
        hashes = box.accounts.passwords.operations - before
        headers = {k: v for k, v in answer.headers.items() if k != "date"}
        seen.append((answer.status_code, answer.text, headers, hashes))
    assert all(one == seen[0] for one in seen), seen
    assert (seen[0][0], seen[0][3]) == (401, 1)


async def test_guessing_the_password_in_use_is_braked_and_on_record(box: AccountsWorld) -> None:
    async with box.signed_in("sam") as sam:
        before = box.accounts.passwords.operations
        for old, new, answers in (
            (PASSWORD, "short", {422}),
            (WRONG, "a good one of my own", {403, 429}),
        ):
            bodies = [{"old": old, "new": new}] * 9
            found = [await sam.put("/api/v1/session/password", json=body) for body in bodies]
            assert {answer.status_code for answer in found} == answers
        assert box.accounts.passwords.operations - before == 9 + FREE_TRIES
    await box.app.state.console.refused.write()
    (row,) = await box.records("sign_in_refused")
    told = json.loads(row.detail)
    assert (told["account"], told["reason"], told["count"]) == (
        "sam",
        "wrong_old_password",
        FREE_TRIES,
    )


async def test_a_right_password_tells_that_the_account_is_locked(box: AccountsWorld) -> None:
    admin = await box.accounts.get("admin")
    assert admin is not None
    await box.manager.set_locked(admin, "sam", True)
    async with box.client() as client:
        body = {"user": "sam", "password": PASSWORD}
        answer = await client.post("/api/v1/session", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_locked")


async def test_the_cookie_of_a_known_browser_goes_to_the_sign_in_alone(box: AccountsWorld) -> None:
    async with box.client() as client:
        body = {"user": "sam", "password": PASSWORD}
        answer = await client.post("/api/v1/session", json=body)
        (cookie,) = (
            line
            for line in answer.headers.get_list("set-cookie")
            if line.startswith("bargebox_device_")
        )
    for part in ("HttpOnly", "SameSite=strict", "Path=/api/v1/session", f"Max-Age={LASTS_S}"):
        assert part in cookie
    (row,) = await box.records("signed_in")
    assert json.loads(row.detail) == {
        "address": "10.0.0.9",
        "browser": "a script",
        "known_browser": False,
    }


async def test_a_restarted_box_knows_the_browser_again(box: AccountsWorld) -> None:
    keys = {await box.accounts.device_key() for _ in range(2)}
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    async with box.app.router.lifespan_context(box.app):
        assert box.app.state.console.devices.key == await box.accounts.device_key()
