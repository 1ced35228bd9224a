"""Accounts, roles and tokens over the API, with the real accounts and audit log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.console.device_cookies import cookie_name
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Permission
from tests.support.accounts_api import API, VIEW, status
from tests.support.accounts_world import SUBSET, AccountsWorld
from tests.support.console_memory import PASSWORD


@pytest.fixture
def box(accounts_box: AccountsWorld) -> AccountsWorld:
    return accounts_box


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
