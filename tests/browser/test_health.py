"""The box's health: what is wrong is told with what to do, and mended by a button."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.provisioning.support.bundle import BundleError
from appliance.service.errors import BargeboxError
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.console_health import HEADSET, PASSWORD, RESTARTS
from tests.support.console_served import Served

OFTEN = """
const turn = window.setInterval;
window.setInterval = (work, every) => turn(work, every === 10000 ? 300 : every);
"""
"""The page asks how the box is more often than it does for people."""


def go(page: Page) -> None:
    page.goto("/settings/health")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


@pytest.fixture
def health(page: Page, server: Served) -> Page:
    """The page, before a technician, with three things that are wrong."""
    server.world.health.wrong = [HEADSET, RESTARTS, PASSWORD]
    page.add_init_script(OFTEN)
    sign_in(page, "tom")
    go(page)
    return page


def test_the_menu_leads_to_it_and_counts(page: Page, server: Served) -> None:
    server.world.health.wrong = [HEADSET, RESTARTS]
    sign_in(page, "tom")
    page.get_by_role("link", name="Settings 2 to look at").click()
    page.get_by_role("link", name="Health 2 to look at").click()
    expect(page.get_by_role("heading", name="Health")).to_be_visible()
    expect(page.locator("#findings li")).to_have_count(2)


def test_each_finding_says_what_to_do(health: Page) -> None:
    first = health.locator("#findings li").first
    expect(first).to_contain_text("Fault")
    expect(first).to_contain_text(HEADSET.words)
    expect(first).to_contain_text(HEADSET.suggestion)
    expect(first.get_by_role("button")).to_have_count(0)
    expect(health.locator("#health-good")).to_be_hidden()


def test_the_box_mends_what_it_can(health: Page, server: Served) -> None:
    button = health.get_by_role("button", name="Count anew")
    button.focus()
    health.keyboard.press("Enter")
    expect(health.locator("#health-said")).to_have_text("Done. 2 things are wrong.")
    expect(health.locator("#findings li")).to_have_count(2)
    expect(health.get_by_role("button", name="Look again")).to_be_focused()
    assert server.world.health.mended == [("control_restarts", "tom")]
    expect(health.get_by_role("link", name="Settings 2 to look at")).to_be_visible()


def test_a_fix_that_fails_says_why(health: Page, server: Served) -> None:
    server.world.health.fail_with = BargeboxError("The disk is <b>full</b>.", code="busy")
    button = health.get_by_role("button", name="Count anew")
    button.click()
    expect(health.get_by_role("alert").first).to_have_text("The disk is <b>full</b>.")
    expect(health.locator("#findings li")).to_have_count(3)
    expect(button).to_be_enabled()


def test_looking_again_finds_what_is_new(page: Page, server: Served) -> None:
    sign_in(page, "tom")
    go(page)
    expect(page.locator("#health-good")).to_have_text("Nothing is wrong.")
    expect(page.locator(".count:visible")).to_have_count(0)
    server.world.health.soon = [HEADSET]
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#health-said")).to_have_text("Looked. One thing is wrong.")
    expect(page.locator("#findings li")).to_have_count(1)
    expect(page.locator(".count:visible")).to_have_text(["1 to look at"] * 2)
    expect(page.locator("#health-good")).to_be_hidden()


def test_what_comes_is_shown_by_itself_but_never_under_the_pointer(
    health: Page, server: Served
) -> None:
    health.locator("#findings li").nth(1).hover()
    server.world.health.wrong = [RESTARTS]
    health.wait_for_timeout(1_500)
    expect(health.locator("#findings li")).to_have_count(3)
    health.mouse.move(5, 5)
    expect(health.locator("#findings li")).to_have_count(1)


def test_the_bundle_is_downloaded(health: Page, server: Served, tmp_path: Path) -> None:
    with health.expect_download() as begun:
        health.get_by_role("button", name="Download").click()
    name = begun.value.suggested_filename
    assert name.startswith("bargebox-support-")
    assert name.endswith(".tar.gz")
    begun.value.save_as(tmp_path / "bundle")
    assert (tmp_path / "bundle").read_bytes().startswith(b"bundle # HELP bargebox_")
    expect(health.locator("#bundle-said")).to_have_text(f"Downloaded: {name}")
    assert server.world.support.made_by == ["tom"]
    server.world.support.fail_with = BundleError("Another bundle is being made.")
    health.get_by_role("button", name="Download").click()
    expect(health.locator("#bundle-error")).to_have_text("Another bundle is being made.")


def test_supervisors_have_no_way_to_it(page: Page) -> None:
    sign_in(page)
    page.goto("/settings/health")
    expect(page.get_by_text("You need the permission MANAGE_DEVICE.")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_page_in_each_state(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page, "admin")
        go(page)
        inspect(page, f"health-good-{scheme}-{size}", whole=True)
        server.world.health.wrong = [HEADSET, RESTARTS, PASSWORD]
        go(page)
        inspect(page, f"health-wrong-{scheme}-{size}", whole=True)
        server.world.health.fail_with = BargeboxError("The disk is full.", code="busy")
        page.get_by_role("button", name="Count anew").click()
        expect(page.get_by_role("alert").first).to_be_visible()
        inspect(page, f"health-error-{scheme}-{size}", whole=True)
