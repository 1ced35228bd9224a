"""Sign-ins over the API: listed, ended by whatever ends them, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from appliance.console.access import Caller
from appliance.console.browsers import browser_of
from appliance.console.routes.events import _wire
from appliance.console.web_sessions import COOKIE
from tests.support.accounts_api import API, status
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD


@pytest.fixture
def box(accounts_box: AccountsWorld) -> AccountsWorld:
    return accounts_box


@pytest.mark.parametrize("how", ["password", "reset", "lock", "delete", "all", "one", "written"])
async def test_everything_that_ends_a_sign_in_ends_it_at_once(
    box: AccountsWorld, admin: httpx.AsyncClient, how: str
) -> None:
    async with box.signed_in("sam") as sam:
        stream = sam.cookies[COOKIE]
        assert await still_streams(box, stream)
        await end(box, admin, how)
        assert await status(sam) == 401
    assert not await still_streams(box, stream)
    if how not in ("delete", "password"):
        items = (await admin.get(f"{API}/accounts/sam/sign-ins")).json()["items"]
        assert items == []


async def end(box: AccountsWorld, admin: httpx.AsyncClient, how: str) -> None:
    if how == "password":
        async with box.signed_in("sam") as other:
            change = {"old": PASSWORD, "new": "another good one"}
            assert (await other.put(f"{API}/session/password", json=change)).status_code == 204
            assert await status(other) == 200, "the browser that changed it goes on"
    elif how == "reset":
        assert (await admin.post(f"{API}/accounts/sam/password")).json()["password"]
    elif how == "lock":
        assert (await admin.put(f"{API}/accounts/sam/lock")).json()["locked"] is True
    elif how == "delete":
        await admin.delete(f"{API}/accounts/sam")
    elif how == "all":
        await admin.delete(f"{API}/accounts/sam/sign-ins")
    elif how == "one":
        (one,) = (await admin.get(f"{API}/accounts/sam/sign-ins")).json()["items"]
        await admin.delete(f"{API}/accounts/sam/sign-ins/{one['id']}")
    else:  # another process wrote it: the command line, while control runs
        local = await box.accounts.get("local console")
        assert local is not None
        await box.manager.reset_password(local, "sam")


async def still_streams(box: AccountsWorld, cookie: str) -> bool:
    """Whether an event stream that was opened with this cookie goes on past its next beat."""
    state = box.app.state.console
    account = await box.accounts.get("sam") or await box.accounts.get("admin")
    assert account is not None
    feed = state.hub.open(account)
    stream = _wire(state, Caller(account, cookie, by_token=False), feed)
    try:
        async with asyncio.timeout(5):
            async for text in stream:
                if "event: beat" in text:
                    return True
        return False
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
        state.hub.close(feed)


async def test_a_stream_ends_when_the_account_may_do_something_else(
    box: AccountsWorld, admin: httpx.AsyncClient
) -> None:
    account = await box.accounts.get("sam")
    assert account is not None
    caller = Caller(account, box.tokens["sam"], by_token=True)
    assert await caller.still_valid(box.app.state.console)
    await admin.put(f"{API}/accounts/sam", json={"role": "Technician"})
    assert not await caller.still_valid(box.app.state.console)


async def test_sign_ins_are_listed_with_from_where_and_when(
    box: AccountsWorld, admin: httpx.AsyncClient
) -> None:
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0"
    async with box.client(address="10.0.0.7") as one, box.signed_in("sam") as two:
        body = {"user": "sam", "password": PASSWORD}
        await one.post(f"{API}/session", json=body, headers={"User-Agent": firefox})
        items = (await one.get(f"{API}/accounts/sam/sign-ins")).json()["items"]
        told = [(i["address"], i["browser"], i["current"]) for i in items]
        assert told == [("10.0.0.7", "Firefox on Windows", True), ("10.0.0.9", "a script", False)]
        assert all(i["last_used_at"] >= i["created_at"] for i in items)
        secret = one.cookies[COOKIE]
        assert secret not in json.dumps(items)
        await one.delete(f"{API}/accounts/sam/sign-ins")
        assert (await status(one), await status(two)) == (200, 401)
    (row,) = await box.records("sign_in_ended")
    assert (row.actor, json.loads(row.detail)) == ("sam", {"account": "sam", "sign_ins": 1})


async def test_signed_out_everywhere_is_for_good_without_what_is_kept(
    box: AccountsWorld,
) -> None:
    """The power may go before the sign-ins are written down."""
    state = box.app.state.console
    async with box.signed_in("sam") as one, box.signed_in("sam") as two:
        kept = state.sessions.kept(0.0)
        assert (await one.delete(f"{API}/accounts/sam/sign-ins")).status_code == 204
        assert await status(one) == 200, "the browser that asks goes on"
        assert len((await one.get(f"{API}/accounts/sam/sign-ins")).json()["items"]) == 1
        state.sessions.take_up(kept, 0.0)
        assert await status(two) == 401
        assert (await box.accounts.kept_sign_ins()).count('"sam"') == 1


async def test_the_browser_that_signs_the_others_out_goes_on_meanwhile(
    box: AccountsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    async with box.signed_in("sam") as one:
        really = box.manager.sign_out

        async def looked_at(*given: Any) -> None:
            seen.append(await status(one))
            await really(*given)
            seen.append(await status(one))

        monkeypatch.setattr(box.manager, "sign_out", looked_at)
        await one.delete(f"{API}/accounts/sam/sign-ins")
        seen.append(await status(one))
    assert seen == [200, 200, 200]


@pytest.mark.parametrize("which", ["all", "one"])
async def test_what_ends_for_now_only_is_told(
    box: AccountsWorld, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    state = box.app.state.console
    async with box.signed_in("sam") as one, box.signed_in("sam") as two:
        items = (await one.get(f"{API}/accounts/sam/sign-ins")).json()["items"]
        (other,) = [item["id"] for item in items if not item["current"]]
        path = f"{API}/accounts/sam/sign-ins" + ("" if which == "all" else f"/{other}")
        monkeypatch.setattr("appliance.console.kept_sign_ins.AGAIN_S", 0.02)
        await box.forbid_writing()
        for _ in range(2):
            answer = await one.delete(path)
            assert answer.status_code == 503
            assert "its next start may undo it" in answer.json()["detail"]
            assert await status(two) == 401
            assert await status(one) == 200
        await box.forbid_writing(False)
        if which == "all":
            assert (await one.delete(path)).status_code == 204
            assert await status(one) == 200
        again = asyncio.create_task(state.kept_sign_ins.run())
        async with asyncio.timeout(5):
            while (await box.accounts.kept_sign_ins()).count('"sam"') != 1:
                await asyncio.sleep(0.01)
        again.cancel()


async def test_nobody_touches_the_sign_ins_and_tokens_of_others(box: AccountsWorld) -> None:
    async with box.signed_in("tom") as tom, box.client("sam") as leaked:
        for client in (tom, leaked):
            for method, path in (
                ("GET", "tokens"),
                ("POST", "tokens"),
                ("DELETE", "tokens/1"),
                ("GET", "sign-ins"),
                ("DELETE", "sign-ins"),
                ("DELETE", "sign-ins/x"),
            ):
                answer = await client.request(method, f"{API}/accounts/sam/{path}")
                assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Linux"),  # noqa: E501
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", "Chrome on Linux"),  # noqa: E501
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari on iPhone"),  # noqa: E501
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1", "Safari on macOS"),  # noqa: E501
        ("curl/8.5.0", "curl"),
        ("<script>", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_browsers_are_named_in_two_words(says: str, told: str) -> None:
    assert browser_of(says) == told
