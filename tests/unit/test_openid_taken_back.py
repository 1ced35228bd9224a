"""What is changed at the settings of the identity provider, and whose sign-in ends by it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.console.web_sessions import COOKIE
from appliance.monitoring.people import People, PeopleError, WantedAccount
from appliance.provisioning.openid.file import OpenIdFile
from appliance.provisioning.openid.settings import OpenIdSettings
from tests.support.accounts_world import AccountsWorld
from tests.support.faulty_provider import CLIENT, FaultyProvider
from tests.support.openid_box import (
    ROLES,
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


def test_the_settings_outlast_a_restart_in_a_file_of_control_s_own(tmp_path: Path) -> None:
    file = OpenIdFile(tmp_path / "openid-secret.json")
    assert file.read() == OpenIdSettings()
    made = OpenIdSettings.model_validate(
        {"issuer": "https://id.example.org", "client_secret": "s3cret", "roles": ROLES}
    )
    file.write(made)
    assert file.read() == made
    assert (tmp_path / "openid-secret.json").stat().st_mode & 0o777 == 0o600


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


@pytest.mark.parametrize("roles", [ROLES[1:2], ROLES[:2]], ids=["fewer", "the same"])
async def test_settings_in_the_place_of_damaged_ones_end_the_sign_ins(
    box: AccountsWorld, provider: FaultyProvider, roles: list[dict[str, str]]
) -> None:
    """What those gave to whom nobody knows any more, so no sign-in by them may go on."""
    console = box.app.state.console
    async with browser(box) as client, box.signed_in("sam") as sam:
        await try_in(client, provider)
        await asyncio.to_thread(box.world.openid_file._path.write_text, "{")
        console.ports = replace(console.ports, openid=box.world.openid(box.store))
        await console.ports.openid.begin()  # control starts again
        assert (await who(client))["user"] == "ada"
        body = settings_for(provider, roles=roles).model_dump(mode="json") | {"client_secret": ""}
        async with box.signed_in("admin") as admin:
            answer = await admin.put("/api/v1/openid/settings", json=body)
            assert (answer.status_code, answer.json()["fault"]) == (200, ""), answer.text
            assert await who(client) == {}
            assert (await who(sam))["user"] == "sam"
            assert json.loads((await box.records("openid_changed"))[0].detail)["sign_ins_ended"]
            await try_in(client, provider)
            await admin.put("/api/v1/openid/settings", json={**body, "label": "Other"})
        assert (
            json.loads((await box.records("openid_changed"))[0].detail)["sign_ins_ended"] is False
        )


async def test_a_sign_in_on_its_way_does_not_outrun_what_is_taken_back(
    box: AccountsWorld, provider: FaultyProvider
) -> None:
    openid = box.app.state.console.ports.openid
    async with browser(box) as client:
        address = await sent(client)
        code = provider.code_for(address)
        provider.asked.clear()
        provider.wait_s = 30.0
        coming = asyncio.create_task(come_back(client, address, code=code))
        async with asyncio.timeout(10):
            while "/token" not in provider.asked:
                await asyncio.sleep(0.01)
        await openid.change("admin", settings_for(provider, roles=[]))
        provider.goes_on.set()
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
