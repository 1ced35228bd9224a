"""Sign-in at an identity provider: who is let in, and as whom."""

from __future__ import annotations

import json

import pytest

from appliance.console.openid.journey import COOKIE as JOURNEY
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.policy import Permission
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD
from tests.support.faulty_provider import FaultyProvider
from tests.support.openid_box import (
    browser,
    settings_for,
    try_in,
    who,
)


@pytest.fixture
def box(openid_box: AccountsWorld) -> AccountsWorld:
    return openid_box


async def test_a_person_with_a_group_is_let_in_with_its_role(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await try_in(client, provider)
        assert answer.status_code == 200
        assert 'http-equiv="refresh" content="0;url=/"' in answer.text
        assert JOURNEY not in client.cookies
        session = await who(client)
        assert session["user"] == "ada"
        assert "BARGE_ALL_CALLS" in session["permissions"]
    record = await box.manager.get("ada")
    assert (record.account.kind, record.account.roles) == ("openid", ("Supervisor",))
    (made,) = await box.records("account_created")
    assert made.actor == "bargebox"
    assert json.loads(made.detail)["subject"] == "subject-of-ada"
    (signed_in,) = await box.records("signed_in")
    assert json.loads(signed_in.detail)["provider"] == provider.issuer


async def test_several_groups_give_all_their_roles(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    provider.groups = ["technicians", "leads", "gone", "others"]
    async with browser(box) as client:
        await try_in(client, provider)
    account = (await box.manager.get("ada")).account
    assert account.roles == ("Supervisor", "Technician")
    assert account.permissions >= {Permission.BARGE_ALL_CALLS, Permission.MANAGE_DEVICE}
    assert {role.name: role.accounts for role in await box.roles.all()}["Technician"] == 2


async def test_roles_follow_the_groups_at_each_sign_in(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client, browser(box) as other:
        await try_in(client, provider)
        provider.groups = ["technicians"]
        await try_in(other, provider)
        assert (await who(client))["permissions"] == ["MANAGE_DEVICE"]
    (changed,) = await box.records("account_changed")
    assert json.loads(changed.detail)["roles_before"] == ["Supervisor"]


async def test_who_has_no_role_any_more_is_refused_and_signed_out(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client, browser(box) as other:
        await try_in(client, provider)
        provider.groups = []
        answer = await try_in(other, provider)
        assert answer.status_code == 403
        assert "none of your groups has a role on this box" in answer.text
        assert "Sign in with Example Ltd" in answer.text
        assert COOKIE not in other.cookies
        assert await who(client) == {}
    assert (await box.manager.get("ada")).account.permissions == frozenset()
    await box.app.state.console.refused.write()
    (refused,) = await box.records("sign_in_refused")
    assert json.loads(refused.detail)["account"] == "ada"
    assert json.loads(refused.detail)["reason"] == "no_role"


async def test_nobody_takes_over_an_account_of_the_box(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    provider.name = "ADMIN"
    async with browser(box) as client:
        answer = await try_in(client, provider)
        assert answer.status_code == 409
        assert "Another account of this box is called admin" in answer.text
    assert (await box.manager.get("admin")).account.kind == "local"


async def test_nobody_takes_over_an_account_of_another_person_there(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        await try_in(client, provider)
        provider.subject = "another"
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 409
        provider.subject, provider.name = "subject-of-ada", "renamed"
        assert (await try_in(client, provider)).status_code == 200
        assert (await who(client))["user"] == "ada"


@pytest.mark.parametrize("name", ["a/b", "x" * 65, "bargebox", "a\nb", "local console"])
async def test_a_name_that_the_box_cannot_use_is_refused(
    box: AccountsWorld, provider: FaultyProvider, name: str
) -> None:
    provider.name = name
    async with browser(box) as client:
        answer = await try_in(client, provider)
        assert answer.status_code == 403
        assert "a name that the box cannot use" in answer.text


async def test_a_locked_person_is_refused(box: AccountsWorld, provider: FaultyProvider) -> None:
    async with browser(box) as client:
        await try_in(client, provider)
        admin = (await box.manager.get("admin")).account
        await box.manager.set_locked(admin, "ada", locked=True)
        assert await who(client) == {}
        assert "This account is locked" in (await try_in(client, provider)).text


async def test_such_an_account_has_no_password_no_token_and_no_role_given_here(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        await try_in(client, provider)
        client.headers["X-Bargebox"] = "1"
        body = {"old": "x", "new": "another long password"}
        answer = await client.put("/api/v1/session/password", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "no_password")
        answer = await client.post("/api/v1/accounts/ada/tokens", json={"label": "x"})
        assert answer.status_code == 422
        assert (await client.get("/change-password")).headers["location"] == "/account"
        assert "Change password" not in (await client.get("/account")).text
    async with box.signed_in("admin") as admin:
        assert (await admin.post("/api/v1/accounts/ada/password")).json()["code"] == "no_password"
        given = {"role": "Administrator"}
        assert (await admin.put("/api/v1/accounts/ada", json=given)).status_code == 422
        ids = {"agent_ids": {"janus": ["7"]}}
        assert (await admin.put("/api/v1/accounts/ada", json=ids)).json()["agent_ids"] == ids[
            "agent_ids"
        ]
        page = (await admin.get("/settings/accounts")).text
        assert "/accounts/ada/password" not in page
    async with box.client() as client:
        for password in ("", " ", PASSWORD):
            body = {"user": "ada", "password": password}
            assert (await client.post("/api/v1/session", json=body)).status_code in (401, 422)


async def test_an_account_of_the_provider_is_not_the_last_that_manages(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    roles = [{"group": "leads", "role": "Administrator"}]
    await box.app.state.console.ports.openid.change("admin", settings_for(provider, roles=roles))
    async with browser(box) as client:
        await try_in(client, provider)
        client.headers["X-Bargebox"] = "1"
        answer = await client.put("/api/v1/accounts/admin/lock")
        assert answer.json()["code"] == "last_manager"


async def test_a_full_disk_keeps_out_nobody_who_was_in_before(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        await try_in(client, provider)
    await box.forbid_writing()
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == 200
    async with browser(box) as client:
        provider.groups = ["technicians"]
        assert (await try_in(client, provider)).status_code == 503
    await box.forbid_writing(False)


@pytest.mark.parametrize(("name", "status"), [("ａdmin", 409), ("ｐａｎｅｌ", 403)])
async def test_nobody_looks_like_another_by_the_width_of_the_letters(
    box: AccountsWorld, provider: FaultyProvider, name: str, status: int
) -> None:
    provider.name = name
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == status
    assert [one.name for one in await box.accounts.all() if one.kind == "openid"] == []
