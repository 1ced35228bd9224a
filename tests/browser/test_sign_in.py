"""Signing in, changing the one-time password, signing out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.browser import sign_in
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served


def test_a_wrong_password_is_told_and_the_right_one_opens_the_list(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.get_by_label("User name").fill("sam")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Interaction Monitoring")).to_be_visible()
    cookies = page.context.cookies()
    assert [(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")] * 2


def test_the_one_time_password_leads_to_the_form_and_nowhere_else(page: Page) -> None:
    sign_in(page, "new")
    expect(page.get_by_role("heading", name="Change password")).to_be_visible()
    page.goto("/interactions")
    expect(page.get_by_role("heading", name="Change password")).to_be_visible()
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("a better long one")
    page.get_by_label("New password again").fill("something else")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert")).to_contain_text("not the same")
    page.get_by_label("New password again").fill("a better long one")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Interaction Monitoring")).to_be_visible()


def test_signing_out_closes_the_page(page: Page, server: Served) -> None:
    sign_in(page)
    page.get_by_text("sam", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/interactions")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert len(server.app.state.console.sessions) == 0


def test_a_sign_in_that_ended_elsewhere_leads_back_to_the_form(page: Page, server: Served) -> None:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    server.do(lambda: server.app.state.console.sessions.close_account("sam"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_technician_sees_the_panel_and_no_calls(page: Page) -> None:
    sign_in(page, "tom")
    expect(page.get_by_role("heading", name="Panel")).to_be_visible()
    expect(page.get_by_role("link", name="Interactions")).to_have_count(0)
    expect(page.locator("#words-status")).to_have_text("steady on")


def test_an_unknown_address_is_a_page_in_words(page: Page) -> None:
    page.goto("/no-such-page")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_role("link", name="To the start page").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
