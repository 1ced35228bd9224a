"""The parts of a document about what is away: the log server, and the identity provider."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.erasing import ERASED
from appliance.provisioning.site_file.exporting import document_of
from tests.support.accounts_world import AccountsWorld
from tests.support.faulty_provider import SECRET, FaultyProvider
from tests.support.openid_box import ROLES, browser, settings_for, try_in, who
from tests.support.site_box import SiteBox

OPENID = """[openid]
enabled = true
issuer = "https://id.example.org"
client_id = "bargebox"
client_secret = "of that client"
roles = [{ group = "leads", role = "supervisor" }]
"""
LOGS = '[logs]\ntransport = "tls"\nserver = "logs.example.org"\nport = 7000\n'


@pytest.fixture
def box(tmp_path: Path) -> SiteBox:
    return SiteBox(tmp_path)


async def applied(box: SiteBox, text: str) -> str:
    """The box's report on a document that it takes up."""
    box.put(text)
    assert await box.start(), box.report()
    await box.finish()
    return box.report()


async def refused(box: SiteBox, text: str) -> str:
    """The box's report on a document that it does not, and that it is what it was."""
    before = await box.document(secrets=True)
    path = box.put(text)
    assert not await box.start()
    assert await box.document(secrets=True) == before
    assert path.read_text() == text
    return box.report()


def rows(box: SiteBox, action: str) -> list[tuple[str, dict[str, Any]]]:
    database = sqlite3.connect(box.state / "bargebox.sqlite3")
    try:
        found = database.execute(
            "SELECT actor, detail FROM audit WHERE action = ? ORDER BY seq", (action,)
        ).fetchall()
    finally:
        database.close()
    return [(actor, json.loads(detail)) for actor, detail in found]


async def test_they_are_kept_and_on_record_once_and_without_the_secret(box: SiteBox) -> None:
    report = await applied(box, OPENID + LOGS)
    assert "done  openid: People sign in at https://id.example.org as well." in report
    assert "done  logs: The logs are sent to logs.example.org, TLS 7000." in report
    await applied(box, OPENID + LOGS + "[site]\nbarge_limit_s = 60\n")
    ((actor, detail),) = rows(box, "openid_changed")
    assert (actor, detail["sign_ins_ended"]) == ("bargebox", False)
    assert detail["changed"] == ["enabled", "issuer", "client_id", "client_secret", "roles"]
    assert detail["settings"]["roles"] == [{"group": "leads", "role": "supervisor"}]
    assert "client_secret" not in detail["settings"]
    ((actor, detail),) = rows(box, "log_forwarding_changed")
    assert (actor, detail["transport"], detail["port"]) == ("bargebox", "tls", 7000)
    secret = box.state / "openid-secret.json"
    assert "of that client" in secret.read_text()
    assert secret.stat().st_mode & 0o777 == 0o600


async def test_what_is_left_out_stays(box: SiteBox) -> None:
    await applied(box, OPENID + LOGS)
    before = await box.document(secrets=True)
    await applied(box, '[logs]\nlines = "all"\n[openid]\nlabel = "Example Ltd"\n')
    now = await box.document(secrets=True)
    assert now["logs"] == before["logs"] | {"lines": "all"}
    assert now["openid"] == before["openid"] | {"label": "Example Ltd"}
    await applied(box, '[logs]\nport = 0\n[openid]\nclient_secret = "another one"\n')
    now = await box.document(secrets=True)
    assert now["logs"]["port"] == 0
    assert now["openid"]["client_secret"] == "another one"
    report = await applied(box, '[logs]\ntransport = "off"\n[openid]\nenabled = false\n')
    assert "logs: No logs are sent." in report
    assert "Nobody signs in at an identity provider. Who came in by the former" in report
    now = await box.document(secrets=True)
    assert now["logs"]["server"] == "logs.example.org"
    assert now["openid"]["client_secret"] == "another one"
    report = await applied(box, '[openid]\nenabled = true\nclient_secret = ""\n')
    assert "at https://id.example.org as well, without a client secret." in report


async def test_an_erased_secret_stays_for_its_issuer_and_goes_to_no_other(box: SiteBox) -> None:
    await applied(box, OPENID)
    erased = (box.boot / "bargebox.toml").read_text()
    assert f'client_secret = "{ERASED}"' in erased
    other = erased.replace("https://id.example.org", "https://thief.example.org")
    report = await refused(box, other)
    assert "openid.client_secret: Give this: the box has none that was for this address." in report
    await applied(box, erased.replace('"bargebox"', '"another client"'))
    now = (await box.document(secrets=True))["openid"]
    assert (now["client_id"], now["client_secret"]) == ("another client", "of that client")
    none = other.replace(f'"{ERASED}"', '""')
    assert "without a client secret" in await applied(box, none)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[logs]\ntransport = "udp"\n', "Line 1, logs.server: This is needed."),
        (
            OPENID.replace("supervisor", "King"),
            "Line 6, openid.roles.0.role: There is no such role.",
        ),
        ("[openid]\nenabled = true\n", "Line 1, openid.issuer: This is needed."),
        (OPENID.replace('"bargebox"', '""'), "Line 4, openid.client_id: This is needed."),
        (OPENID.replace('{ group = "leads", role = "supervisor" }', ""), "Line 6, openid.roles: "),
        (OPENID.replace("https:", "http:"), "Line 3, openid.issuer: The address begins with"),
    ],
)
async def test_what_is_wrong_on_this_box_is_told_by_line(
    box: SiteBox, text: str, words: str
) -> None:
    report = await refused(box, "[site]\nbarge_limit_s = 60\n" + text)
    line, _, rest = words.partition(",")
    number = int(line.removeprefix("Line ")) + 2
    assert f"Line {number},{rest}" in report
    assert "of that client" not in report


async def test_a_role_may_come_with_the_document_and_is_there_first(box: SiteBox) -> None:
    role = '[[roles]]\nname = "King"\npermissions = ["MONITOR_ALL_CALLS"]\n'
    await applied(box, OPENID.replace("supervisor", "King") + role)
    assert (await box.document())["openid"]["roles"] == [{"group": "leads", "role": "King"}]


async def test_an_export_is_taken_by_a_box_where_no_role_is_gone(box: SiteBox) -> None:
    role = '[[roles]]\nname = "King"\npermissions = ["MONITOR_ALL_CALLS"]\n'
    both = 'role = "supervisor" }, { group = "kings", role = "King" }'
    await applied(box, OPENID.replace('role = "supervisor" }', both) + role)
    database = sqlite3.connect(box.state / "bargebox.sqlite3")
    with database:
        database.execute("DELETE FROM roles")
    database.close()
    shown = await box.document(secrets=True)
    assert shown["openid"]["roles"] == [{"group": "leads", "role": "supervisor"}]
    assert shown["openid"]["enabled"] is True
    fresh = SiteBox(box.folder / "fresh")
    parts = {name: shown[name] for name in ("openid", "logs")}
    await applied(fresh, tomlkit.dumps(parts))
    assert await fresh.document(secrets=True) | parts == await fresh.document(secrets=True)


@pytest.mark.parametrize(
    ("text", "file", "part", "page"),
    [
        (OPENID, "openid-secret.json", "openid", "Sign-in"),
        (LOGS, "log-forwarding.json", "logs", "Log server"),
    ],
    ids=["openid", "logs"],
)
async def test_settings_that_cannot_be_read_are_not_written_over(
    box: SiteBox, text: str, file: str, part: str, page: str
) -> None:
    broken = box.state / file
    broken.write_text("{")
    box.put(text)
    assert not await box.start()
    words = f"What the box has of this cannot be read. Save it on the page “{page}” first."
    assert f"Line 1, {part}: {words}" in box.report()
    assert broken.read_text() == "{"


async def test_an_import_that_withdraws_a_groups_role_ends_the_sign_ins_by_it(
    openid_box: AccountsWorld, provider: FaultyProvider
) -> None:
    """Roles and accounts stay, and so do the box's own people."""
    site, openid = openid_box.world.site, openid_box.app.state.console.ports.openid
    site.folder.mkdir()
    await openid_box.world.certificates.begin()
    more = tomlkit.dumps({"openid": {"roles": [*ROLES[:2], {"group": "m", "role": "Technician"}]}})
    less = tomlkit.dumps({"openid": {"roles": ROLES[1:2], "client_secret": ""}})
    async with browser(openid_box) as client, openid_box.signed_in("sam") as sam:
        await openid.change("admin", settings_for(provider, roles=ROLES[:2]))
        await try_in(client, provider)
        for text, left in ((more, "ada"), (less, None)):
            given, found = await site.check(text, "")
            assert SECRET not in str(found)
            await site.use("admin", given)
            assert (await who(client))["user"] == "ada"
            await site.next_life()
            assert (await who(client)).get("user") == left
        assert (await who(sam))["user"] == "sam"
    assert [(one.field, one.before, one.after) for one in found] == [
        ("openid.client_secret", None, None),
        (
            "openid.roles",
            "leads: Supervisor; technicians: Technician; m: Technician",
            "technicians: Technician",
        ),
    ]
    ended, added, *_ = await openid_box.records("openid_changed")
    assert ended.actor == "admin"
    assert json.loads(ended.detail)["sign_ins_ended"] is True
    assert json.loads(added.detail)["sign_ins_ended"] is False
    assert "Who came in by the former settings signs in anew." in await site.report()


async def test_a_box_without_them_says_so_and_nothing_changes(openid_box: AccountsWorld) -> None:
    site = openid_box.world.site
    site.folder.mkdir()
    await openid_box.world.certificates.begin()
    file = openid_box.world.openid_file
    await asyncio.to_thread(file._path.unlink)
    shown = await document_of(site._box)
    assert shown["openid"]["client_secret"] == ""
    assert shown["logs"] == {
        "transport": "off",
        "server": "",
        "port": 0,
        "facility": "local0",
        "lines": "bargebox",
        "audit": True,
    }
    parts = {name: shown[name] for name in ("openid", "logs")}
    assert (await site.check(tomlkit.dumps(parts), ""))[1] == []


DAMAGED = [
    ("openid_file", "Sign-in", "Anmeldung"),
    ("log_forwarding_file", "Log server", "Log-Server"),
]


@pytest.fixture
async def desk(openid_box: AccountsWorld, code: str) -> AccountsWorld:
    """A box where the settings of which *code* tells are damaged."""
    site = openid_box.world.site
    site.folder.mkdir()
    await openid_box.world.certificates.begin()
    damaged = openid_box.world.openid_file if code == "openid_file" else site._box.logs
    await asyncio.to_thread(damaged._path.write_text, "{")
    return openid_box


@pytest.mark.parametrize(("code", "page", "german"), DAMAGED)
async def test_an_export_without_what_cannot_be_read_is_refused_in_words(
    desk: AccountsWorld, code: str, page: str, german: str
) -> None:
    async with desk.signed_in("admin") as admin:
        admin.headers["X-Bargebox"] = "de"
        answer = await admin.post("/api/v1/settings/export", json={"passphrase": ""})
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert f"Save it again on the page “{page}”." in answer.json()["detail"]
    assert f"auf der Seite „{german}“ neu." in answer.json()["told"]["detail"]
    assert not await desk.records("settings_exported")


@pytest.mark.parametrize("code", [code for code, *_ in DAMAGED])
async def test_a_document_about_other_things_is_checked_and_used_all_the_same(
    desk: AccountsWorld, code: str
) -> None:
    site, body = desk.world.site, {"document": "[site]\nbarge_limit_s = 60\n"}
    async with desk.signed_in("admin") as admin:
        answer = await admin.post("/api/v1/settings/import", json={**body, "check": True})
        assert answer.status_code == 200, answer.text
        change = {"field": "site.barge_limit_s", "before": "0", "after": "60"}
        assert answer.json()["changes"] == [change]
        answer = await admin.post("/api/v1/settings/import", json=body)
        assert answer.status_code == 200, answer.text
        await site.next_life()
        assert "APPLIED." in await site.report()
        part = "openid" if code == "openid_file" else "logs"
        body["document"] += f"[{part}]\n"
        answer = await admin.post("/api/v1/settings/import", json={**body, "check": True})
    assert (answer.status_code, [*answer.json()["fields"]]) == (422, [part])


async def test_a_part_that_is_asked_for_alone_is_as_in_the_whole_document(
    openid_box: AccountsWorld,
) -> None:
    site = openid_box.world.site
    site.folder.mkdir()
    await openid_box.world.certificates.begin()
    whole = await document_of(site._box)
    assert {"platform", "roles", "accounts", "site", "panel", "logs", "openid"} <= whole.keys()
    for part in SiteFile.model_fields:
        alone = {part: whole[part]} if part in whole else {}
        assert await document_of(site._box, parts={part}) == alone
