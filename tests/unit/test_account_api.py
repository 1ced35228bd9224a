"""Accounts, roles, tokens and sign-ins over the API, with the real accounts and audit log."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.console.access import Caller
from appliance.console.browsers import browser_of
from appliance.console.device_cookies import cookie_name
from appliance.console.routes.events import _wire
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Permission
from tests.support.accounts_world import SUBSET, AccountsWorld, accounts_world
from tests.support.console_memory import PASSWORD

API = "/api/v1"
VIEW = "VIEW_ALL_MONITORED_CALLS"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[AccountsWorld]:
    async with accounts_world(tmp_path) as box:
        yield box


@pytest.fixture
async def admin(box: AccountsWorld) -> AsyncIterator[httpx.AsyncClient]:
    """A script of the administrator's."""
    async with box.client("admin") as client:
        yield client


async def status(client: httpx.AsyncClient, path: str = "/session") -> int:
    return (await client.get(f"{API}{path}")).status_code


async def test_an_account_is_made_used_changed_and_deleted(
    box: AccountsWorld, admin: httpx.AsyncClient
) -> None:
    body: dict[str, Any] = {"name": "zoë", "role": "Supervisor", "agent_ids": {"janus": ["7"]}}
    answer = await admin.post(f"{API}/accounts", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["account"]["agent_ids"] == {"janus": ["7"]}
    assert made["account"]["last_sign_in_at"] is None
    zoe = box.client()
    answer = await zoe.post(f"{API}/session", json={"user": "zoë", "password": made["password"]})
    assert answer.json()["must_change_password"] is True
    change = {"old": made["password"], "new": "a good one of my own"}
    assert (await zoe.put(f"{API}/session/password", json=change)).status_code == 204
    assert await status(zoe, "/interactions") == 200
    listed = (await admin.get(f"{API}/accounts")).json()["items"]
    assert [one["name"] for one in listed] == ["admin", "nil", "sam", "tom", "zoë"]
    assert listed[-1]["last_sign_in_at"].endswith("Z")
    answer = await admin.put(f"{API}/accounts/zoë", json={"role": "Technician"})
    assert answer.json()["agent_ids"] == {"janus": ["7"]}
    assert await status(zoe, "/interactions") == 403
    assert (await admin.delete(f"{API}/accounts/zoë")).status_code == 204
    assert await status(zoe) == 401
    assert (await admin.get(f"{API}/accounts/zoë")).json()["code"] == "not_found"
    answer = await admin.post(f"{API}/accounts", json=body)
    assert await status(zoe) == 401, "another account, though of the same name"
    await zoe.aclose()


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/accounts", {"name": "a/b", "role": "Supervisor"}, 422),
        ("POST", "/accounts", {"name": "sam", "role": "Supervisor"}, 422),
        ("POST", "/accounts", {"name": "eve", "role": "King"}, 422),
        ("POST", "/accounts", {"name": "eve"}, 422),
        ("POST", "/accounts", {"name": "eve", "role": "Supervisor", "agent_ids": {"x": []}}, 422),
        ("POST", "/accounts", {"name": "eve", "role": "Supervisor", "password": "mine"}, 422),
        ("PUT", "/accounts/nobody", {"role": "Supervisor"}, 404),
        ("POST", "/roles", {"name": "Root", "permissions": ["ROOT"]}, 422),
        ("POST", "/roles", {"name": "Supervisor", "permissions": []}, 422),
        ("PUT", "/roles/Supervisor", {"permissions": []}, 422),
        ("DELETE", "/roles/Nothing", None, 409),
        ("DELETE", "/roles/none", None, 404),
        ("POST", "/accounts/sam/tokens", {"label": ""}, 422),
        ("POST", "/accounts/sam/tokens", {"label": "x", "days": 731}, 422),
        ("POST", "/accounts/sam/tokens", {"label": "x", "permissions": ["VIEW_AUDIT"]}, 422),
        ("DELETE", "/accounts/sam/tokens/999999", None, 404),
        ("DELETE", "/accounts/sam/sign-ins/none", None, 404),
        ("DELETE", "/accounts/admin", None, 409),
        ("PUT", "/accounts/admin/lock", None, 409),
        ("PUT", "/accounts/admin", {"role": "Technician"}, 409),
    ],
)
async def test_bad_input_is_refused_in_words_and_changes_nothing(
    box: AccountsWorld, admin: httpx.AsyncClient, method: str, path: str, body: Any, code: int
) -> None:
    before = len((await box.audit.search(limit=200)).rows)
    answer = await admin.request(method, f"{API}{path}", json=body)
    assert answer.status_code == code, answer.text
    assert answer.json()["detail"].endswith(".")
    assert len((await box.audit.search(limit=200)).rows) == before


async def test_a_custom_role_opens_what_it_names(
    box: AccountsWorld, admin: httpx.AsyncClient
) -> None:
    role = {"name": "Auditor", "permissions": ["VIEW_AUDIT"]}
    assert (await admin.post(f"{API}/roles", json=role)).status_code == 201
    await admin.put(f"{API}/accounts/nil", json={"role": "Auditor"})
    async with box.client("nil") as nil:
        assert await status(nil, "/audit") == 200
        assert await status(nil, "/interactions") == 403
        await admin.put(f"{API}/roles/Auditor", json={"permissions": [VIEW]})
        assert await status(nil, "/audit") == 403
        assert await status(nil, "/interactions") == 200
    listed = (await admin.get(f"{API}/roles")).json()["items"]
    assert {"name": "Auditor", "permissions": [VIEW], "accounts": 1, "is_default": False} in listed


# -- what ends a sign-in


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


# -- tokens


async def test_a_token_opens_its_subset_until_it_is_revoked(box: AccountsWorld) -> None:
    async with box.signed_in("sam") as sam:
        body = {"label": "wall display", "permissions": [VIEW], "days": 30}
        made = (await sam.post(f"{API}/accounts/sam/tokens", json=body)).json()
        box.tokens["wall"] = made["secret"]
        async with box.client("wall") as wall:
            assert await status(wall, "/interactions") == 200
            answer = await wall.post(f"{API}/interactions/call-00001/monitor")
            assert answer.status_code == 403
            items = (await sam.get(f"{API}/accounts/sam/tokens")).json()["items"]
            (one,) = (item for item in items if item["label"] == "wall display")
            assert (one["permissions"], one["expired"]) == ([VIEW], False)
            assert one["last_used_at"]
            assert made["secret"] not in json.dumps(items)
            gone = await sam.delete(f"{API}/accounts/sam/tokens/{one['id']}")
            assert gone.status_code == 204
            assert await status(wall) == 401
    actions = [row.action for row in (await box.audit.search(limit=4)).rows]
    assert actions == ["token_revoked", "permission_refused", "token_made", "signed_in"]
    assert made["secret"] not in str((await box.audit.search()).rows)


async def test_a_subset_of_an_administrator_makes_nothing_larger(box: AccountsWorld) -> None:
    async with box.client(SUBSET) as script:
        body = {"label": "larger"}
        answer = await script.post(f"{API}/accounts/admin/tokens", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_the_local_command_line_manages_accounts(box: AccountsWorld) -> None:
    box.tokens["local"] = box.accounts.local_token
    async with box.client("local") as local:
        answer = await local.post(f"{API}/accounts/sam/password")
        assert answer.status_code == 200
    (row,) = await box.records("password_reset")
    assert row.actor == "local console"


async def test_an_account_of_the_box_s_own_name_is_not_the_box(box: AccountsWorld) -> None:
    def rename(database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM tokens WHERE account = 'nil'")
        database.execute("UPDATE accounts SET name = 'local console' WHERE name = 'nil'")

    await box.store.write(rename)
    async with box.client() as client:
        body = {"user": "Local Console", "password": PASSWORD}
        assert (await client.post(f"{API}/session", json=body)).status_code == 401


async def test_the_file_with_the_first_password_goes_when_it_is_reset(
    box: AccountsWorld, admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "first-password"
    file.write_text("of the first start")
    await admin.post(f"{API}/accounts/sam/password")
    assert file.exists()
    await admin.post(f"{API}/accounts/admin/password")
    assert not file.exists()


async def test_the_own_page_and_the_managers_show_what_there_is(box: AccountsWorld) -> None:
    async with box.signed_in("admin") as admin:
        page = await admin.get("/account", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "10.0.0.9" in page.text
        for secret in (admin.cookies[COOKIE], box.tokens["admin"]):
            assert secret not in page.text
        page = await admin.get("/settings/accounts", headers={"Accept": "text/html"})
        for word in ("sam", "Technician", "Nothing", *Permission):
            assert word in page.text
    assert cookie_name("admin") == cookie_name(" ADMIN")


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
