"""How each step of the first start looks, by mouse and keyboard, and what goes wrong."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from appliance.control_link.words import CheckEnd
from appliance.provisioning.first_start import rows
from appliance.provisioning.first_start.steps import State, Step
from appliance.provisioning.first_start.words import VERIFIED
from tests.browser.first_start_walk import at_step, standing
from tests.browser.looks import SIZES, inspect, visit
from tests.support.accounts_world import RealAccounts, real_accounts
from tests.support.browser import Scheme, arrive, sign_in
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served
from tests.support.private_box import PrivateBox


@pytest.fixture
def world(services: PrivateBox, tmp_path: Path) -> Iterator[RealAccounts]:
    """A box at its first start, with those services and real accounts; small otherwise."""
    with real_accounts(tmp_path, 3, services.address) as made:
        made.database.write_now(some_done)
        made.begin_first_start()
        yield made


@pytest.fixture
def desk(world: RealAccounts) -> Iterator[Served]:
    with served(world) as server:
        yield server


def some_done(database: sqlite3.Connection) -> None:
    rows.write(database, Step.PASSWORD, State.DONE, VERIFIED["password"], "admin")
    words = VERIFIED["network"].format(
        device="eth0", addresses="10.99.0.7/24, 2001:db8::7/64", gateway="10.99.0.1"
    )
    rows.write(database, Step.NETWORK, State.DONE, words, "admin")
    rows.write(database, Step.TIME, State.ASIDE, "", "admin")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_every_step_looks_well(browser: Browser, desk: Served, size: str, scheme: Scheme) -> None:
    with visit(browser, desk, size, scheme) as page:
        sign_in(page, "admin", PASSWORD)
        page.wait_for_url("**/first-start")
        for step in Step:
            arrive(page, f"/first-start?step={step}")
            page.mouse.move(0, 0)
            inspect(page, f"first-start-{step}-{size}-{scheme}", whole=True)


def test_the_steps_are_in_german(browser: Browser, desk: Served) -> None:
    with visit(browser, desk, "phone", "light", locale="de-DE") as page:
        sign_in(page, "admin", PASSWORD)
        for step, title in ((Step.HEADSET, "Headset"), (Step.PANEL, "Tasten und Lampen")):
            page.goto(f"/first-start?step={step}")
            expect(page.get_by_role("heading", name=title).first).to_be_visible()
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            inspect(page, f"first-start-{step}-german", whole=True)
        said = page.locator(".steps")
        expect(said).to_contain_text("eth0 ist verbunden mit 10.99.0.7/24")
        page.get_by_role("button", name="Prüfen und weiter").click()
        expect(page.locator("#step-wrong")).to_have_text(
            "Drücken Sie beide Tasten der Box, während die Prüfung läuft."
        )


def test_by_keyboard_alone_a_step_is_set_aside_and_taken_up_again(
    browser: Browser, desk: Served, world: RealAccounts
) -> None:
    with visit(browser, desk, "wide", "light") as page:
        sign_in(page, "admin", PASSWORD)
        for step in Step:
            if step in {Step.PASSWORD, Step.NETWORK, Step.TIME}:
                continue
            expect(page.locator("[data-step]")).to_have_attribute("data-step", step)
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            page.get_by_role("button", name="Set aside").press("Enter")
        expect(page.get_by_role("heading", name="Nothing is open any more")).to_be_visible()
        inspect(page, "first-start-end")
        page.get_by_role("link", name=re.compile("Headset")).press("Enter")
        at_step(page, "Headset")
        page.get_by_role("link", name="Back").press("Enter")
        at_step(page, "Call platform")
        arrive(page, "/first-start")
        page.get_by_role("button", name="Put the box into service").press("Enter")
        expect(page.get_by_role("heading", name="The box is in service")).to_be_visible()
        assert "Set aside for later" in standing(page, "Headset")
        assert "Done" in standing(page, "Network")
        inspect(page, "first-start-in-service")
        assert world.audit.rows[-1].action == "in_service"


def test_a_check_that_ends_by_itself_says_why(
    browser: Browser, desk: Served, world: RealAccounts
) -> None:
    with visit(browser, desk, "wide", "light") as page:
        sign_in(page, "admin", PASSWORD)
        arrive(page, "/first-start?step=headset")
        page.get_by_role("button", name="Open the microphone").click()
        expect(page.locator("#headset-said")).to_contain_text("is open")
        desk.do(lambda: world.checks.speak(-30.0))
        meter = page.get_by_role("meter", name="Microphone level").last
        expect(meter).to_have_attribute("aria-valuetext", "-30 decibels")
        desk.do(lambda: world.checks.show(running=None, end=CheckEnd.TIME, level=-100.0))
        expect(page.locator("#headset-said")).to_contain_text("The time is over.")
        expect(page.get_by_role("button", name="Open the microphone")).to_be_visible()
        assert world.checks.by == ["admin"]


@pytest.mark.parametrize("size", SIZES)
def test_a_supervisor_tries_the_headset_on_the_page_of_the_panel(
    browser: Browser, desk: Served, size: str
) -> None:
    with visit(browser, desk, size, "light") as page:
        sign_in(page, "sam", PASSWORD)
        page.goto("/panel")
        page.get_by_text("Check headset, buttons and lamps").click()
        expect(page.get_by_label("I heard the tone")).to_have_count(0)
        page.get_by_role("button", name="Begin the check").click()
        expect(page.locator("#panel-said")).to_have_text("The check runs.")
        page.get_by_role("button", name="Status lamp").click()
        expect(page.get_by_role("button", name="Status lamp")).to_have_attribute(
            "aria-pressed", "true"
        )
        inspect(page, f"panel-checks-{size}", whole=True)
