"""Accounts on their pages: by keyboard, with axe, in both schemes and sizes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.monitoring.accounts import SignInError
from appliance.monitoring.policy import Account
from tests.browser.looks import SIZES, inspect, visit
from tests.support.accounts_world import RealAccounts, real_accounts
from tests.support.browser import Scheme, context, sign_in
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealAccounts]:
    with real_accounts(tmp_path, 30) as real:
        yield real


@pytest.fixture
def server(real: RealAccounts) -> Iterator[Served]:
    with served(real) as server:
        yield server


FOCUSED = """() => document.activeElement.labels?.[0]?.innerText
  ?? document.activeElement.innerText"""


def now(server: Served, real: RealAccounts, name: str) -> Account | None:
    """The account as it is on the disk."""
    return asyncio.run_coroutine_threadsafe(real.real.get(name), server.loop).result(10)


def actions(server: Served, real: RealAccounts) -> list[tuple[str, str]]:
    """Who did what, newest first."""
    rows = asyncio.run_coroutine_threadsafe(real.log.search(), server.loop).result(10).rows
    return [(row.actor, row.action) for row in rows]


def walk_to(page: Page, name: str, limit: int = 80) -> None:
    """By the Tab key, to what a screen reader would call so."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if (focused or "").startswith(name):
            return
    raise AssertionError(f"the keyboard never reached {name!r}")


def test_a_manager_makes_an_account_by_keyboard_alone(
    page: Page, server: Served, real: RealAccounts
) -> None:
    sign_in(page, "admin")
    page.goto("/settings/accounts")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    walk_to(page, "New account")
    page.keyboard.press("Enter")
    walk_to(page, "Make account")
    page.keyboard.press("Enter")
    expect(page.locator("#new-name-wrong")).to_have_text("This is needed.")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("zoe")
    walk_to(page, "Agent ids at")
    page.keyboard.type("agent-7")
    walk_to(page, "Make account")
    page.keyboard.press("Enter")
    secret = page.get_by_role("textbox", name="One-time password of the new account")
    expect(secret).to_be_focused()
    password = secret.input_value()
    page.keyboard.press("Escape")
    expect(page.locator("#said")).to_have_text("The account was made.")
    assert password not in page.content()
    walk_to(page, "zoe")
    page.keyboard.press("Enter")
    walk_to(page, "Lock")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Lock zoe?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Lock", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    walk_to(page, "Lock")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Locked.")
    expect(page.locator("summary", has_text="zoe")).to_contain_text("locked")
    assert now(server, real, "zoe") is None
    expect(page.get_by_role("button", name="Unlock")).to_be_visible()  # the entry is open still
    walk_to(page, "Unlock")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Unlocked.")
    zoe = now(server, real, "zoe")
    assert zoe is not None
    assert zoe.agent_ids == {"sandbox": {"agent-7"}}
    told = actions(server, real)
    wanted = ["account_unlocked", "account_locked", "account_created", "signed_in"]
    assert told[:4] == [("admin", action) for action in wanted]


def test_a_role_is_made_given_changed_and_deleted(
    page: Page, server: Served, real: RealAccounts
) -> None:
    sign_in(page, "admin")
    page.goto("/settings/accounts")
    page.get_by_text("New role").click()
    form = page.locator("#new-role-entry")
    form.get_by_label("Name").fill("Supervisor")
    form.get_by_role("button", name="Make role").click()
    expect(form.get_by_role("alert")).to_contain_text("There is a role 'Supervisor' already.")
    form.get_by_label("Name").fill("Auditor")
    form.get_by_label("Read the audit log").check()
    form.get_by_role("button", name="Make role").click()
    expect(page.locator("#said")).to_have_text("The role was made.")
    page.locator("summary", has_text="tom").click()
    tom = page.locator("details", has=page.locator("summary", has_text="tom"))
    tom.get_by_label("Role").select_option("Auditor")
    tom.get_by_role("button", name="Save tom").click()
    expect(page.locator("#said")).to_have_text("Saved.")
    account = now(server, real, "tom")
    assert account is not None
    assert account.permissions == {"VIEW_AUDIT"}
    page.locator("summary", has_text="Auditor").last.click()
    role = page.locator("#head-roles + details ~ details", has_text="Auditor").first
    role.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(role.get_by_role("alert")).to_contain_text("One account has the role Auditor.")


def test_the_last_manager_is_told_why_not(page: Page) -> None:
    sign_in(page, "admin")
    page.goto("/settings/accounts")
    admin = page.locator("#account-1")
    admin.locator("summary").click()
    admin.get_by_label("Role").select_option("Technician")
    admin.get_by_role("button", name="Save admin").click()
    expect(admin.get_by_role("alert")).to_contain_text("Nobody could manage the accounts")
    expect(admin.get_by_label("Role")).to_have_value("Technician")


def test_one_s_own_tokens_and_sign_ins(
    page: Page, browser: Browser, server: Served, real: RealAccounts
) -> None:
    with context(browser, server.url) as elsewhere:
        other = elsewhere.new_page()
        sign_in(other, "sam")
        expect(other.locator("#chip-box")).to_have_attribute("data-tone", "good")
        sign_in(page, "sam")
        page.get_by_text("sam", exact=True).click()
        page.get_by_role("link", name="Your account").click()
        page.get_by_text("New token").click()
        page.get_by_label("Label").fill("wall display")
        page.get_by_label("Monitor calls silently").uncheck()
        page.get_by_label("Days").fill("soon")
        page.get_by_role("button", name="Make token").click()
        expect(page.locator("#token-days-wrong")).to_have_text("This must be a whole number.")
        page.get_by_label("Days").fill("30")
        page.get_by_role("button", name="Make token").click()
        secret = page.get_by_role("textbox", name="Your new token").input_value()
        page.get_by_role("button", name="Done").click()
        expect(page.locator(".entry", has_text="wall display")).to_contain_text("last used never")
        verify = real.real.verify_token(secret)
        account = asyncio.run_coroutine_threadsafe(verify, server.loop).result(10)
        assert sorted(account.permissions) == [
            "BARGE_ALL_CALLS",
            "COACH_ALL_CALLS",
            "VIEW_ALL_MONITORED_CALLS",
        ]
        page.get_by_role("button", name="Revoke wall display").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.locator("#said")).to_have_text("Revoked.")
        refused = asyncio.run_coroutine_threadsafe(real.real.verify_token(secret), server.loop)
        with pytest.raises(SignInError):
            refused.result(10)
        page.get_by_role("button", name=re.compile("Sign out Chrome on Linux")).click()
        expect(page.locator("#said")).to_have_text("Signed out there.")
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_how_the_pages_look(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page, "admin")
        page.goto("/settings/accounts")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        inspect(page, f"accounts-{scheme}-{size}", whole=True)
        page.locator("summary", has_text="sam").click()
        page.get_by_text("New role").click()
        inspect(page, f"accounts-open-{scheme}-{size}", whole=True)
        page.get_by_role("button", name="Reset password").first.click()
        inspect(page, f"accounts-sure-{scheme}-{size}")
        page.get_by_role("dialog").get_by_role("button", name="Reset password").click()
        expect(page.get_by_role("textbox", name="One-time password of sam")).to_be_visible()
        inspect(page, f"accounts-once-{scheme}-{size}")
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#said")).to_have_text("The password was reset.")
        page.goto("/account")
        page.get_by_text("New token").click()
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        inspect(page, f"account-{scheme}-{size}", whole=True)
        assert PASSWORD not in page.content()
