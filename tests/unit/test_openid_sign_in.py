"""Sign-in at an identity provider: who is let in, as whom, and what the box sends there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.console.openid.journey import COOKIE as JOURNEY
from appliance.console.web_sessions import COOKIE
from appliance.monitoring.people import People, PeopleError, WantedAccount
from appliance.monitoring.policy import Permission
from appliance.provisioning.openid.file import OpenIdFile
from appliance.provisioning.openid.settings import OpenIdSettings
from tests.support.accounts_world import AccountsWorld
from tests.support.console_memory import PASSWORD
from tests.support.faulty_provider import CLIENT, SECRET, FaultyProvider
from tests.support.openid_box import (
    ROLES,
    asked,
    browser,
    come_back,
    sent,
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


# -- what the box sends


async def test_what_the_box_asks_of_the_provider(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        one, other = asked(await sent(client)), asked(await sent(client))
    assert one["redirect_uri"] == "http://box/sign-in/openid/back"
    assert one["client_id"] == CLIENT
    assert not {one[name] for name in ("state", "nonce", "code_challenge")} & set(other.values())
    assert SECRET not in str(one)


async def test_it_comes_back_to_the_name_that_was_asked_and_to_no_foreign_one(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid", headers={"host": "192.0.2.7:8080"})
        back = asked(answer.headers["location"])["redirect_uri"]
        assert back == "http://192.0.2.7:8080/sign-in/openid/back"
        answer = await client.get("/sign-in/openid", headers={"host": "evil.example"})
        assert answer.status_code == 421


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/settings/network", "/settings/network"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a//evil", "/"),
        ("javascript:alert(1)", "/"),
        ("/%2fevil", "/"),
        ("/a\n", "/"),
    ],
)
async def test_afterwards_it_leads_to_a_page_of_the_box_only(
    box: AccountsWorld, provider: FaultyProvider, to: str, leads: str
) -> None:
    async with browser(box) as client:
        address = await sent(client, to)
        answer = await come_back(client, address, code=provider.code_for(address))
        assert f'content="0;url={leads}"' in answer.text


async def test_another_site_s_page_begins_no_sign_in(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid", headers={"sec-fetch-site": "cross-site"})
        assert answer.headers["location"] == "/sign-in"
        assert JOURNEY not in client.cookies


async def test_the_journey_s_cookie_is_for_this_way_alone(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    async with browser(box) as client:
        answer = await client.get("/sign-in/openid")
        cookie = answer.headers["set-cookie"]
        for word in ("HttpOnly", "SameSite=lax", "Path=/sign-in/openid", "Max-Age=600"):
            assert word in cookie
        assert asked(answer.headers["location"])["state"] not in cookie


def test_the_settings_outlast_a_restart_in_a_file_of_control_s_own(tmp_path: Path) -> None:
    file = OpenIdFile(tmp_path / "openid-secret.json")
    assert file.read() == OpenIdSettings()
    made = OpenIdSettings.model_validate(
        {"issuer": "https://id.example.org", "client_secret": "s3cret", "roles": ROLES}
    )
    file.write(made)
    assert file.read() == made
    assert (tmp_path / "openid-secret.json").stat().st_mode & 0o777 == 0o600


# -- what is taken back, and what is only like it

TAKEN_BACK: dict[str, dict[str, Any]] = {
    "switched off": {"enabled": False},
    "another provider": {"issuer": "https://id.example.org"},
    "another client": {"client_id": "another"},
    "another claim": {"groups_claim": "roles"},
    "another role": {"roles": [{"group": "leads", "role": "Technician"}]},
    "another group": {"roles": [{"group": "bosses", "role": "Supervisor"}]},
}


@pytest.mark.parametrize("what", TAKEN_BACK)
async def test_what_is_taken_back_ends_the_sign_ins_by_it(
    box: AccountsWorld, provider: FaultyProvider, what: str
) -> None:
    """Else they would go on for a week with the roles of before."""
    openid = box.app.state.console.ports.openid
    async with browser(box) as client, box.signed_in("sam") as sam:
        await try_in(client, provider)
        await openid.change("admin", settings_for(provider, **TAKEN_BACK[what]))
        assert await who(client) == {}
        assert (await who(sam))["user"] == "sam"
    row = (await box.records("openid_changed"))[0]
    assert json.loads(row.detail)["sign_ins_ended"] is True


async def test_what_is_only_added_ends_no_sign_in(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    more = [*ROLES, {"group": "more", "role": "Technician"}]
    openid = box.app.state.console.ports.openid
    async with browser(box) as client:
        await try_in(client, provider)
        await openid.change("admin", settings_for(provider, roles=more, label="Other"))
        assert (await who(client))["user"] == "ada"


async def test_a_sign_in_on_its_way_does_not_outrun_what_is_taken_back(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    openid = box.app.state.console.ports.openid
    async with browser(box) as client:
        address = await sent(client)
        code = provider.code_for(address)
        provider.asked.clear()
        provider.wait_s = 0.3
        coming = asyncio.create_task(come_back(client, address, code=code))
        async with asyncio.timeout(10):
            while "/token" not in provider.asked:
                await asyncio.sleep(0.01)
        await openid.change("admin", settings_for(provider, roles=[]))
        answer = await coming
        assert answer.status_code == 409
        assert COOKIE not in client.cookies
    assert "ada" not in [one.name for one in await box.accounts.all()]


async def test_a_role_counts_however_it_is_written(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    body = {"roles": [{"group": "leads", "role": "supervisor"}], "label": "Example Ltd"}
    async with box.signed_in("admin") as admin, browser(box) as client:
        answer = await admin.put(
            "/api/v1/openid/settings",
            json={"enabled": True, "issuer": provider.issuer, "client_id": CLIENT, **body},
        )
        assert answer.status_code == 200, answer.text
        assert (await try_in(client, provider)).status_code == 200
    assert (await box.manager.get("ada")).account.roles == ("Supervisor",)


@pytest.mark.parametrize(("name", "status"), [("ａdmin", 409), ("ｐａｎｅｌ", 403)])
async def test_nobody_looks_like_another_by_the_width_of_the_letters(
    box: AccountsWorld, provider: FaultyProvider, name: str, status: int
) -> None:
    provider.name = name
    async with browser(box) as client:
        assert (await try_in(client, provider)).status_code == status
    assert [one.name for one in await box.accounts.all() if one.kind == "openid"] == []


async def test_a_document_of_settings_leaves_the_provider_s_people_alone(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    """Without a password here they would lock their owners out of the box that takes it."""
    people = People(box.store, box.audit)
    async with browser(box) as client:
        await try_in(client, provider)
        for wanted in (
            WantedAccount("ADA", role="Administrator"),
            WantedAccount("ada", hashed="$argon2id$x"),
            WantedAccount("ada", must_change=True),
        ):
            with pytest.raises(PeopleError, match="signs in at the identity provider"):
                await people.put("admin", {}, [wanted])
        await people.put("admin", {}, [WantedAccount("ada", agent_ids={"janus": ("7",)})])
        assert (await who(client))["user"] == "ada"
        record = await box.manager.get("ada")
        assert record.account.agent_ids == {"janus": frozenset({"7"})}
        assert record.account.roles == ("Supervisor",)
        await people.put("admin", {}, [WantedAccount("ada", locked=True)])
        assert await who(client) == {}
        await people.put("admin", {}, [WantedAccount("ada", locked=False)])
        assert await who(client) == {}
        provider.groups = []
        await try_in(client, provider)
        await people.put("admin", {}, [WantedAccount("ada", locked=False)])
