"""The site's settings, and the whole box exported and imported, on their pages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, inspect, visit
from tests.support.accounts_world import real_accounts
from tests.support.browser import Scheme, sign_in
from tests.support.console_served import Served, served

PASSPHRASE = "a passphrase of mine"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with real_accounts(tmp_path, 3) as real, served(real) as server:
        yield server


@pytest.fixture
def page(page: Page) -> Page:
    sign_in(page, "admin")
    return page


def test_the_sites_settings_are_changed_by_keyboard_and_used(page: Page) -> None:
    page.goto("/settings/site")
    expect(page.get_by_role("combobox", name="Headset")).to_have_value("auto")
    page.get_by_role("combobox", name="Headset").select_option("usb-serial:ABC123")
    expect(page.get_by_label("Reasons")).to_be_hidden()
    page.get_by_label("Ask for a reason").check()
    page.get_by_label("Reasons").fill("Training\nQuality")
    page.get_by_label("Text to confirm").fill("Two lines.\nGo on?")
    page.get_by_label("Time limit of a barge").fill("-1")
    page.get_by_role("button", name="Save and use").press("Enter")
    expect(page.get_by_text("This must be 0 or more.")).to_be_visible()
    expect(page.get_by_label("Time limit of a barge")).to_be_focused()
    page.get_by_label("Time limit of a barge").fill("60")
    page.get_by_role("button", name="Save and use").press("Enter")
    expect(page.get_by_text("Saved. The box uses it now.")).to_be_visible()
    expect(page.get_by_label("Text to confirm")).to_have_value("Two lines.\nGo on?")
    expect(page.get_by_label("Reasons")).to_have_value("Training\nQuality")
    expect(page.get_by_role("combobox", name="Headset")).to_have_value("usb-serial:ABC123")
    expect(page.get_by_label("Time limit of a barge")).to_have_value("60")


def test_a_box_is_exported_changed_by_hand_and_imported(page: Page, tmp_path: Path) -> None:
    page.goto("/settings/backup")
    with page.expect_download() as taken:
        page.locator("#export-form").get_by_role("button", name="Download").click()
    file = tmp_path / "bargebox.toml"
    taken.value.save_as(file)
    text = file.read_text()
    assert "argon2id" not in text
    assert tomllib.loads(text)["site"]["barge_limit_s"] == 0
    file.write_text(text.replace("barge_limit_s = 0", "barge_limit_s = -5"))
    form = page.locator("#import-form")
    form.get_by_label("File").set_input_files(file)
    form.get_by_role("button", name="Check").click()
    line = file.read_text()[: file.read_text().index("barge_limit_s")].count("\n") + 1
    wrong = f"Line {line}, site.barge_limit_s: This must be 0 or more."
    expect(form.get_by_text(wrong)).to_be_visible()
    file.write_text(text.replace("barge_limit_s = 0", "barge_limit_s = 45"))
    form.get_by_label("File").set_input_files(file)
    form.get_by_role("button", name="Check").click()
    expect(form.locator("li")).to_have_text(["site.barge_limit_s 0 → 45"])
    form.get_by_role("button", name="Import and use").click()
    expect(page.get_by_text("The file was taken up.")).to_be_visible()
    expect(page.locator(".report")).to_contain_text("APPLIED.")
    page.goto("/settings/site")
    expect(page.get_by_label("Time limit of a barge")).to_have_value("45")


def test_sealed_secrets_need_their_passphrase(page: Page, tmp_path: Path) -> None:
    page.goto("/settings/backup")
    out, form = page.locator("#export-form"), page.locator("#import-form")
    out.get_by_label("Passphrase").fill("short")
    out.get_by_role("button", name="Download").click()
    expect(out.get_by_text("A passphrase has 10 characters or more.")).to_be_visible()
    out.get_by_label("Passphrase").fill(PASSPHRASE)
    with page.expect_download() as taken:
        out.get_by_role("button", name="Download").click()
    file = tmp_path / "bargebox.toml"
    taken.value.save_as(file)
    form.get_by_label("File").set_input_files(file)
    form.get_by_role("button", name="Check").click()
    expect(form.get_by_text("The secrets in it are sealed; give the passphrase.")).to_be_visible()
    form.get_by_label("Passphrase").fill(PASSPHRASE)
    form.get_by_role("button", name="Check").click()
    expect(form.get_by_text("password_hash is set anew").first).to_be_visible()


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("size", SIZES)
def test_their_looks(browser: Browser, server: Served, size: str, scheme: Scheme) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page, "admin")
        for name in ("site", "backup"):
            page.goto(f"/settings/{name}")
            inspect(page, f"settings-{name}-{scheme}-{size}", whole=True)
