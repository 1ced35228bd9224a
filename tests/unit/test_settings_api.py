"""The site's settings, export and import through the API, on the real store and files."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.monitoring.openid_accounts import OpenIdAccounts, Person
from appliance.provisioning.site_file import sealing
from appliance.provisioning.site_file.exporting import document_of
from tests.support.accounts_world import AccountsWorld, accounts_world

PASSPHRASE = "a passphrase of mine"
DOCUMENT = """
[site]
barge_limit_s = 90
[[roles]]
name = "Listener"
permissions = ["MONITOR_ALL_CALLS"]
[[accounts]]
name = "Ada"
role = "Listener"
password = "for the first time"
[platform]
driver = "janus"
[platform.janus]
url = "wss://janus.example.org"
api_secret = "its API secret"
[logs]
transport = "udp"
server = "192.0.2.9"
port = 5514
lines = "none"
[openid]
enabled = true
label = "Example Ltd"
issuer = "https://id.example.org"
client_id = "bargebox"
client_secret = "of that client"
[[openid.roles]]
group = "listeners"
role = "Listener"
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[AccountsWorld]:
    async with accounts_world(tmp_path) as made:
        made.world.site.folder.mkdir()
        await made.world.certificates.begin()
        yield made


async def taken(desk: AccountsWorld, document: str, **more: Any) -> Any:
    """The answer to an import by the administrator."""
    async with desk.client("admin") as client:
        body = {"document": document, **more}
        return await client.post("/api/v1/settings/import", json=body)


async def exported(desk: AccountsWorld, passphrase: str = "") -> str:
    async with desk.client("admin") as client:
        answer = await client.post("/api/v1/settings/export", json={"passphrase": passphrase})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_sites_settings_are_shown_and_changed(desk: AccountsWorld) -> None:
    async with desk.client("tom") as client:
        shown = (await client.get("/api/v1/settings")).json()
        assert shown["settings"]["site"]["barge_limit_s"] == 0
        assert shown["settings"]["headset"]["choice"] == "auto"
        assert shown["headsets"] == [{"name": "Jabra Evolve2 40", "choice": "usb-serial:ABC123"}]
        assert "raspberry-pi-5" in shown["boards"]
        body = {"site": {"barge_limit_s": 60}, "headset": {"choice": "usb-serial:ABC123"}}
        answer = await client.put("/api/v1/settings", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["restarting"] is True
        again = await client.put("/api/v1/settings", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "busy")
        await desk.world.site.next_life()
        assert desk.world.site.lives == 2
        now = (await client.get("/api/v1/settings")).json()["settings"]
        assert now["site"]["barge_limit_s"] == 60
        assert now["headset"]["choice"] == "usb-serial:ABC123"
        assert now["panel"] == shown["settings"]["panel"]
    (row,) = await desk.records("settings_changed")
    assert row.actor == "tom"


async def test_who_may_not_view_the_audit_log_does_not_say_how_long_it_is_kept(
    desk: AccountsWorld,
) -> None:
    async with desk.client("tom") as tom, desk.client("admin") as admin:
        answer = await tom.put("/api/v1/settings", json={"site": {"audit_keep_days": 1}})
        assert answer.status_code == 403
        assert "VIEW_AUDIT" in answer.json()["detail"]
        assert desk.world.site.lives == 1
        same = {"site": {"audit_keep_days": 0, "barge_limit_s": 60}}  # as the page sends it
        assert (await tom.put("/api/v1/settings", json=same)).status_code == 200
        await desk.world.site.next_life()
        wanted = {"site": {"audit_keep_days": 730}}
        assert (await admin.put("/api/v1/settings", json=wanted)).status_code == 200
    await desk.audit.append()
    assert await desk.records("permission_refused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"site": {"barge_limit_s": -1}}, "site.barge_limit_s"),
        ({"headset": {"choice": "card:1"}}, "headset.choice"),
        ({"panel": {"board": "abacus"}}, "panel.board"),
        ({"site": {"reasons": ["Training"]}}, "site"),
        ({"sites": {}}, "sites"),
    ],
)
async def test_wrong_settings_are_refused_by_name(
    desk: AccountsWorld, body: dict[str, Any], field: str
) -> None:
    async with desk.client("tom") as client:
        answer = await client.put("/api/v1/settings", json=body)
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]
    assert desk.world.site.lives == 1


async def test_nothing_is_changed_in_a_call(desk: AccountsWorld) -> None:
    async with desk.client("sam") as sam, desk.client("tom") as tom:
        listed = (await sam.get("/api/v1/interactions?show=active")).json()["items"]
        wanted = next(one["id"] for one in listed if one["monitorable"])
        assert (await sam.post(f"/api/v1/interactions/{wanted}/monitor")).status_code == 201
        answer = await tom.put("/api/v1/settings", json={"site": {"barge_limit_s": 60}})
        assert (answer.status_code, answer.json()["code"]) == (409, "busy")
    assert (await taken(desk, DOCUMENT)).status_code == 409
    assert desk.world.site.lives == 1
    assert not await desk.records("settings_imported")


async def test_an_import_tells_what_it_changes_and_does_it(desk: AccountsWorld) -> None:
    before = await exported(desk)
    answer = await taken(desk, DOCUMENT, check=True)
    assert answer.status_code == 200, answer.text
    told = {one["field"]: (one["before"], one["after"]) for one in answer.json()["changes"]}
    assert told["site.barge_limit_s"] == ("0", "90")
    assert told["accounts.Ada.role"] == ("", "Listener")
    assert told["accounts.Ada.password"] == (None, None)
    assert told["platform.janus.api_secret"] == (None, None)
    assert told["logs.transport"] == ("off", "udp")
    assert told["logs.port"] == ("0", "5514")
    assert told["openid.client_secret"] == (None, None)
    assert told["openid.roles"] == ("", "listeners: Listener")
    assert "first time" not in answer.text
    assert "of that client" not in answer.text
    assert answer.json()["restarting"] is False
    assert await exported(desk) == before
    assert (await taken(desk, DOCUMENT)).json()["restarting"] is True
    await desk.world.site.next_life()
    now = tomllib.loads(await exported(desk))
    assert now["site"]["barge_limit_s"] == 90
    assert now["platform"]["janus"] == {"url": "wss://janus.example.org"}
    async with desk.client() as client:
        body = {"user": "Ada", "password": "for the first time"}
        signed_in = await client.post("/api/v1/session", json=body)
        assert signed_in.json()["must_change_password"] is True
    report = (await desk.world.site.report()).splitlines()
    assert report[3] == "APPLIED."
    actors = {row.actor for row in await desk.records("account_created")}
    assert "admin" in actors


async def test_an_export_makes_a_fresh_box_the_same(desk: AccountsWorld, tmp_path: Path) -> None:
    assert (await taken(desk, DOCUMENT)).status_code == 200
    await desk.world.site.next_life()
    people = OpenIdAccounts(desk.store, desk.audit)
    await people.admit(Person("https://id.example.org", "1", "of the provider", ("Technician",)))
    sealed, plain = await exported(desk, PASSPHRASE), await exported(desk)
    assert "of the provider" not in plain
    for secret in ("its API secret", "of that client", "$argon2id$"):
        assert secret not in sealed + plain
    (tmp_path / "other").mkdir()
    async with accounts_world(tmp_path / "other") as other:
        other.world.site.folder.mkdir()
        await other.world.certificates.begin()
        assert await exported(other) != plain
        assert (await taken(other, sealed, passphrase=PASSPHRASE)).status_code == 200
        await other.world.site.next_life()
        assert await exported(other) == plain
        whole = [await document_of(one.world.site._box, secrets=True) for one in (desk, other)]
        assert whole[0] == whole[1]
    rows = await desk.records("settings_exported")
    assert {json.loads(row.detail)["secrets"] for row in rows} == {"none", "sealed"}


@pytest.mark.parametrize(
    ("old", "new", "passphrase"),
    [
        ("", "", ""),
        ("", "", "another passphrase"),
        ("wss://janus.example.org", "wss://thief.example.org", PASSPHRASE),
        ('salt = "', 'salt = "A', PASSPHRASE),
        ('text = "', 'text = "AAAA', PASSPHRASE),
    ],
)
async def test_a_seal_opens_with_its_passphrase_and_for_its_document_only(
    desk: AccountsWorld, old: str, new: str, passphrase: str
) -> None:
    assert (await taken(desk, DOCUMENT)).status_code == 200
    await desk.world.site.next_life()
    sealed = await exported(desk, PASSPHRASE)
    answer = await taken(desk, sealed.replace(old, new, 1), passphrase=passphrase)
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == ["passphrase"]
    assert desk.world.site.lives == 2


async def test_a_wrong_document_is_told_line_by_line(desk: AccountsWorld) -> None:
    answer = await taken(desk, DOCUMENT.replace("90", "-90").replace("Listener", "King", 1))
    assert answer.status_code == 422
    assert answer.json()["fields"] == {"site.barge_limit_s": "This must be 0 or more."}
    assert "Line 3, site.barge_limit_s: This must be 0 or more." in answer.json()["detail"]
    answer = await taken(desk, DOCUMENT.replace('name = "Listener"', 'name = "King"'))
    assert "Line 7, accounts.0: There is no role 'Listener'." in answer.json()["detail"]
    answer = await taken(desk, '[[authorities]]\npem = { file = "root.pem" }\n')
    assert "A file cannot be named here" in answer.json()["detail"]


async def test_a_short_passphrase_seals_nothing(desk: AccountsWorld) -> None:
    async with desk.client("admin") as client:
        answer = await client.post("/api/v1/settings/export", json={"passphrase": "short"})
    assert list(answer.json()["fields"]) == ["passphrase"]


async def test_who_manages_accounts_only_neither_exports_nor_imports(
    desk: AccountsWorld,
) -> None:
    async with desk.client("admin") as admin:
        role = {"name": "People", "permissions": ["MANAGE_ACCOUNTS"]}
        assert (await admin.post("/api/v1/roles", json=role)).status_code == 201
        body = {"role": "People"}
        assert (await admin.put("/api/v1/accounts/nil", json=body)).status_code == 200
    async with desk.client("nil") as client:
        for path, given in (("export", {}), ("import", {"document": ""})):
            answer = await client.post(f"/api/v1/settings/{path}", json=given)
            assert answer.status_code == 403
            assert "MANAGE_DEVICE" in answer.json()["detail"]
    await desk.audit.append()
    assert await desk.records("permission_refused")


async def test_a_seal_with_anything_in_it_is_refused_in_words(desk: AccountsWorld) -> None:
    """Somebody who knows a passphrase seals what no export has."""
    salt = bytes(16)
    cipher = AESGCM(await asyncio.to_thread(sealing._key, PASSPHRASE, salt))
    for inner in ("[" * 100_000, "7", "[[[], 1]]", '[["site", 1]]', '[[["site", 3], 1]]'):
        text = bytes(12) + cipher.encrypt(bytes(12), inner.encode(), sealing._canonical({}))
        part = {"salt": sealing._text(salt), "text": sealing._text(text)}
        document = tomlkit.dumps({"sealed": part})
        answer = await taken(desk, document, passphrase=PASSPHRASE)
        assert (answer.status_code, answer.json()["code"]) == (422, "settings_refused"), inner[:9]
    assert desk.world.site.lives == 1
