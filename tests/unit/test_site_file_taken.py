"""A document of settings at a start: taken up whole or refused whole, told of, its secrets gone."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.commands.services import places_of
from appliance.monitoring.passwords import Passwords
from appliance.monitoring.store import Store
from appliance.platforms.protocol import Check
from appliance.provisioning.reset.carrying_out import finish_reset
from appliance.provisioning.reset.marker import Marker, Ordered
from appliance.provisioning.site_file.erasing import ERASED
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.reading import read_text
from tests.support.site_box import PASSWORD, SiteBox, example, put_beside, without_system

SECRETS = (
    "its API secret",
    "at least ten characters",
    "for the first sign-in",
    "of that client",
)


@pytest.fixture
def box(tmp_path: Path) -> SiteBox:
    return SiteBox(tmp_path)


async def test_the_example_is_applied_told_of_and_its_secrets_are_gone(box: SiteBox) -> None:
    put_beside(box.boot)
    path = box.put(without_system(example()))
    key = (box.boot / "page.key").read_text()
    assert await box.start()
    text = path.read_text()
    assert not [secret for secret in SECRETS if secret in text]
    assert text.count(ERASED) == 6  # of page.pem too: a key may be in it
    assert "# Sam chooses another one then" in text
    assert not (box.boot / "page.key").exists()
    assert (box.boot / "root.pem").exists()
    state = await box.document()
    given = tomllib.loads(without_system(example()))
    assert state["site"] == given["site"]
    assert state["panel"] == given["panel"]
    assert state["roles"] == [
        {"name": "Listener", "permissions": ["MONITOR_ALL_CALLS", "VIEW_ALL_MONITORED_CALLS"]}
    ]
    people = {one["name"]: one for one in state["accounts"]}
    assert people["Sam"]["must_change"] is True
    assert people["Sam"]["agent_ids"] == {"janus": ["7"]}
    assert people["admin"]["must_change"] is False
    assert state["platform"] == {
        "driver": "janus",
        "janus": {"url": given["platform"]["janus"]["url"]},
    }
    assert state["logs"] == given["logs"]
    assert state["openid"] | {"client_secret": ERASED} == tomllib.loads(text)["openid"]
    kept = await box.document(secrets=True)
    assert kept["openid"] == given["openid"]
    settings = (await box.found()).settings
    assert settings.monitoring.barge_limit_s == 600
    assert settings.panel.board == "raspberry-pi-5"
    assert not (box.state / "first-password").exists()
    await box.finish()
    report = box.report()
    assert "APPLIED." in report
    assert "The logs are sent to logs.example.org, TLS 6514." in report
    assert "People sign in at https://id.example.org as well." in report
    assert "The page has the certificate for bargebox-desk-7" in report
    assert "were erased" in report
    assert not (box.state / "provisioning/plan.secret").exists()
    held = "".join(p.read_text() for p in (box.state / "provisioning").iterdir())
    assert not [secret for secret in (*SECRETS, key.splitlines()[1]) if secret in held + report]


async def test_passwords_of_the_document_open_the_box(box: SiteBox) -> None:
    box.put(f'[administrator]\npassword = "{PASSWORD}"\n')
    assert await box.start()
    store = await Store.open(box.state / "bargebox.sqlite3")
    (hashed,) = await store.read(
        lambda database: database.execute("SELECT password FROM accounts").fetchone()
    )
    passwords = Passwords()
    assert await passwords.match(hashed, PASSWORD)
    await passwords.close()
    await store.close()


async def test_an_unchanged_document_is_taken_up_once_and_a_changed_one_again(
    box: SiteBox,
) -> None:
    path = box.put(f'[administrator]\npassword = "{PASSWORD}"\n[site]\nbarge_limit_s = 60\n')
    assert await box.start()
    await box.finish()
    assert not await box.start()
    rows = _actions(box)
    path.write_text(path.read_text().replace("60", "90"))
    assert await box.start()
    await box.finish()
    assert (await box.document())["site"]["barge_limit_s"] == 90
    more = _actions(box)[len(rows) :]
    assert more == ["settings_imported", "settings_changed", "settings_applied"]
    assert not await box.start()


async def test_what_is_wrong_on_this_box_is_told_by_line_and_changes_nothing(box: SiteBox) -> None:
    before = await box.document(secrets=True)
    text = '[site]\nbarge_limit_s = 60\n\n[box]\n# where\nname = "desk-7"\n'
    text += '[[accounts]]\nname = "Sam"\nrole = "King"\npassword = "for the first time"\n'
    text += '[panel]\nboard = "abacus"\n'
    path = box.put(text)
    for _ in range(2):
        assert not await box.start()
    assert path.read_text() == text
    report = box.report()
    assert "REFUSED" in report
    assert "Line 6, box.name: The box's name cannot be changed here." in report
    assert "Line 7, accounts.0: There is no role 'King'." in report
    assert "Line 12, panel.board: There is no board 'abacus'" in report
    assert await box.document(secrets=True) == before
    assert _actions(box).count("settings_refused") == 1
    assert "for the first time" not in report


async def test_a_certificate_without_its_key_is_refused(box: SiteBox) -> None:
    put_beside(box.boot)
    (box.boot / "page.key").write_text((box.folder / "authority/root.key").read_text())
    box.put(without_system(example()))
    assert not await box.start()
    assert "certificate.key: This key does not belong to the certificate" in box.report()
    assert (box.boot / "page.key").exists()
    assert (await box.document()).get("roles") is None


@pytest.mark.parametrize("name", ["../etc/shadow", "/etc/shadow", "link", "none", "folder"])
async def test_no_other_file_is_read(box: SiteBox, name: str) -> None:
    (box.boot / "link").symlink_to("/etc/hostname")
    (box.boot / "folder").mkdir()
    box.put(f'[[authorities]]\npem = {{ file = "{name}" }}\n')
    assert not await box.start()
    assert "Line 2, authorities.0.pem: " in box.report()


async def test_what_is_planned_and_kept_is_for_the_box_alone(box: SiteBox) -> None:
    box.put(f'[administrator]\npassword = "{PASSWORD}"\n')
    assert await box.start()
    kept = list((box.state / "provisioning").iterdir())
    assert {path.name for path in kept} == {"plan.secret", "report.txt", "seen"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


async def test_a_medium_that_cannot_be_written_is_told_of(
    box: SiteBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = box.put(f'[administrator]\npassword = "{PASSWORD}"\n')

    def refuse(path: Path, text: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("appliance.provisioning.site_file.clearing.rewrite", refuse)
    assert await box.start()
    await box.finish()
    assert PASSWORD in path.read_text()
    assert "COULD NOT BE ERASED" in (box.state / "provisioning/report.txt").read_text()
    assert not await box.start()


async def test_a_document_that_is_given_while_another_is_used_is_not_lost(box: SiteBox) -> None:
    box.put('[platform]\ndriver = "sandbox"\n[platform.sandbox]\nurl = "ws://127.0.0.1:9"\n')
    assert await box.start()
    later = "[site]\nbarge_limit_s = 60\n"
    async with box.offline() as (provisioner, services):

        async def meanwhile() -> list[Check]:
            await provisioner.take("admin", await asyncio.to_thread(read_text, later))
            return []

        busy = Provisioner(
            replace(services, check_platform=meanwhile),
            places_of((await box.found()).settings.box),
            in_service=_yes,
        )
        await busy.go_on()
    assert await box.start()
    await box.finish()
    assert (await box.document())["site"]["barge_limit_s"] == 60


async def _yes() -> bool:
    return True


async def test_secrets_of_a_plan_that_a_power_cut_kept_from_being_are_gone(box: SiteBox) -> None:
    own = box.state / "provisioning"
    own.mkdir()
    draft = own / "plan.secret.new"
    draft.write_text(PASSWORD)
    assert not await box.start()
    assert not draft.exists()


async def test_a_document_without_its_erased_secrets_is_refused_by_a_box_that_was_reset(
    box: SiteBox,
) -> None:
    path = box.put(f'[site]\nbarge_limit_s = 60\n[administrator]\npassword = "{PASSWORD}"\n')
    assert await box.start()
    await box.finish()
    await asyncio.to_thread(Marker(box.state).write, Ordered())
    found = (await box.found()).settings.box
    also = (box.file.with_name("bargebox.toml.chosen"),)
    assert await finish_reset(box.state, found.time_servers, box.bus, also=also)
    assert not await box.start()
    assert "Line 4, administrator.password: Give this: " in box.report()
    assert (await box.document())["site"]["barge_limit_s"] == 0
    path.write_text(path.read_text().replace(ERASED, PASSWORD))
    assert await box.start()


async def test_a_part_that_fails_is_tried_again_and_told_of(
    box: SiteBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.put(f'[administrator]\npassword = "{PASSWORD}"\n[site]\nbarge_limit_s = 60\n')
    etc = box.file.parent
    chosen = etc / "bargebox.toml.chosen.new"
    chosen.mkdir()  # the file cannot be written
    (chosen / "x").touch()
    assert await box.start()
    assert "wait  settings: It failed, and is tried again at the next start." in box.report()
    await box.finish()
    (chosen / "x").unlink()
    chosen.rmdir()
    assert await box.start()
    await box.finish()
    assert "APPLIED." in box.report()
    assert (await box.document())["site"]["barge_limit_s"] == 60


def _actions(box: SiteBox) -> list[str]:
    database = sqlite3.connect(box.state / "bargebox.sqlite3")
    try:
        return [row for (row,) in database.execute("SELECT action FROM audit ORDER BY seq")]
    finally:
        database.close()
