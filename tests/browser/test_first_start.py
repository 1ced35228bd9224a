"""From the carton into service on the page alone: a real box, with real services of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import CheckEnd
from appliance.demo.world import TENANT
from appliance.monitoring.store import Store
from appliance.provisioning.first_start import rows
from appliance.provisioning.first_start.steps import State, Step
from appliance.provisioning.first_start.words import VERIFIED
from tests.browser.fresh_box import FreshBox, fresh_box
from tests.browser.looks import SIZES, inspect, visit
from tests.support.accounts_world import RealAccounts, fill
from tests.support.browser import Scheme, context, sign_in, watch
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served
from tests.support.private_box import PrivateBox, private_box

OWN = "a password of my own"
TEN_MINUTES_S = 600.0
ABSENT = re.compile("net::ERR_")


@pytest.fixture(scope="module")
def services() -> Iterator[PrivateBox]:
    with private_box() as box:
        box.stand_in("systemd", "timesyncd", "avahi")
        yield box


@pytest.fixture
def box(tmp_path: Path, services: PrivateBox) -> Iterator[FreshBox]:
    with fresh_box(tmp_path, services) as box:
        yield box


@pytest.fixture
def page(browser: Browser, box: FreshBox) -> Iterator[Page]:
    with context(browser, box.world.url, trusting=True) as profile:
        page = profile.new_page()
        complaints = watch(page)
        yield page
        # Control begins anew with another platform, and is killed on purpose.
        assert [words for words in complaints if not ABSENT.search(words)] == []


def at_step(page: Page, title: str) -> None:
    """The page is at that step, with its scripts."""
    expect(page.locator(".step > h2")).to_contain_text(title)
    expect(page.locator("#chip-box")).not_to_have_attribute("data-tone", "wait")


def go_on(page: Page, after: str) -> None:
    page.get_by_role("button", name="Check and go on").click()
    at_step(page, after)


def standing(page: Page, title: str) -> str:
    """What the list of steps says of one."""
    named = page.locator("strong", has_text=re.compile(f"^{title}"))
    return page.locator(".steps li", has=named).inner_text()


def first_sign_in(page: Page, box: FreshBox) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(box.printed_password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password now").fill(box.printed_password)
    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("New password again").fill(OWN)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/first-start")


def name_and_zone(page: Page) -> None:
    at_step(page, "Name and time zone")
    page.get_by_role("textbox", name="Name", exact=True).fill("desk-7")
    page.get_by_role("button", name="Check and go on").click()
    expect(page.locator("#step-wrong")).to_contain_text("Press “Rename the box” first.")
    expect(page.get_by_role("button", name="Rename the box")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("combobox", name="Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Use this time zone").click()
    expect(page.get_by_text("Saved.")).to_have_count(2)
    go_on(page, "Network")
    assert "The box is called desk-7; its time zone is Europe/Berlin." in standing(page, "Name and")


def network(page: Page, services: PrivateBox) -> None:
    ipv4 = page.get_by_role("group", name="IPv4")
    ipv4.get_by_label("Method").select_option("Static")
    ipv4.get_by_label("Addresses").fill("10.99.0.7/24")
    ipv4.get_by_label("Gateway").fill("10.99.0.1")
    page.get_by_role("button", name="Use these settings").click()
    expect(page.locator("#pending-addresses a").first).to_have_attribute(
        "href", re.compile(r"^https://10\.99\.0\.7:\d+/first-start$")
    )
    expect(page.locator("[data-typed]")).to_have_count(1)
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#network-outcome")).to_have_text("The change is kept.")
    at_step(page, "Network")
    deadline = time.monotonic() + 20
    while services.addresses() != ["10.99.0.7/24"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    go_on(page, "Time")
    assert "eth0 is connected with 10.99.0.7/24" in standing(page, "Network")
    assert "the gateway is 10.99.0.1" in standing(page, "Network")


def clock(page: Page) -> None:
    """Where the machine's own clock is not synchronised, by hand, as on a network without one."""
    page.get_by_label("NTP").uncheck()
    page.get_by_role("button", name="Set the clock").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    go_on(page, "Certificate")
    assert "The clock is set by hand" in standing(page, "Time")


def platform(page: Page, box: FreshBox) -> None:
    page.get_by_role("button", name="Check and go on").click()
    expect(page.locator("#step-wrong")).to_contain_text("The test of the connection failed.")
    page.get_by_label("Address", exact=True).first.fill(box.world.centre_url)
    page.locator("[id='set-sandbox.token']").fill(box.world.centre_token)
    page.locator("[id='set-sandbox.tenant']").fill(TENANT)
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#platform-result")).to_contain_text("can be used")
    page.get_by_role("button", name="Save and use").click()
    expect(page.get_by_text("Saved. The box uses Sandbox now.")).to_be_visible(timeout=30_000)
    at_step(page, "Call platform")
    go_on(page, "Headset")
    assert "Sandbox can be used: all steps of the test passed" in standing(page, "Call platform")


def headset(page: Page) -> None:
    page.get_by_role("button", name="Check and go on").click()
    expect(page.locator("#step-wrong")).to_have_text("Play the tone first.")
    page.get_by_role("button", name="Play the tone").click()
    expect(page.locator("#tone-said")).to_have_text("The tone plays.")
    page.get_by_label("I heard the tone").check()
    page.get_by_role("button", name="Open the microphone").click()
    expect(page.locator("#headset-said")).to_contain_text("The microphone is open.")
    meter = page.get_by_role("meter", name="Microphone level").last
    expect(meter).to_have_attribute("aria-valuenow", re.compile("^-(19|20|21)$"))
    page.get_by_role("button", name="Close the microphone").click()
    expect(page.locator("#headset-said")).to_have_text("Ended.")
    expect(meter).to_have_attribute("aria-valuetext", "silent")
    page.get_by_label("The meter followed my voice").check()
    go_on(page, "Buttons and lamps")
    assert re.search(
        "the tone was heard, and the voice came with −(19|20|21) dB", standing(page, "Headset")
    )


def panel(page: Page) -> None:
    page.get_by_role("button", name="Begin the check").click()
    for button in ("Microphone button", "Hang-up button"):
        page.get_by_role("button", name=button).click()
        expect(page.locator(".found li").filter(has_text=button)).to_contain_text("✓ pressed")
    for lamp in ("Microphone lamp", "Status lamp"):
        name = lamp.split()[0].lower()
        page.get_by_role("button", name=lamp).click()
        expect(page.locator(f"#lamp-{name}")).to_have_attribute("data-lamp", "quick_blink")
        page.get_by_label(f"I saw the {lamp.lower()} blink").check()
    go_on(page, "First supervisor")
    assert "Both buttons were pressed, and both lamps were seen." in standing(page, "Buttons")


def supervisor(page: Page) -> str:
    page.get_by_role("button", name="Check and go on").click()
    expect(page.locator("#step-wrong")).to_contain_text("Nobody but the first account")
    page.get_by_label("User name").fill("sue")
    page.get_by_role("button", name="Make account").click()
    expect(page.locator("#once-secret")).not_to_have_value("")
    password = page.locator("#once-secret").input_value()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#said")).to_have_text("The account was made.")
    page.get_by_role("button", name="Check and go on").click()
    expect(page.get_by_role("heading", name="Nothing is open any more")).to_be_visible()
    assert "sue may monitor calls." in standing(page, "First supervisor")
    return password


def monitors_a_call(browser: Browser, box: FreshBox, password: str) -> None:
    """The supervisor, at their own browser, with what they were handed."""
    call = box.do(box.admin.create_call())
    with context(browser, box.world.url, trusting=True) as profile:
        page = profile.new_page()
        sign_in(page, "sue", password)
        page.get_by_label("Password now").fill(password)
        page.get_by_label("New password", exact=True).fill(OWN)
        page.get_by_label("New password again").fill(OWN)
        page.get_by_role("button", name="Change password").click()
        page.wait_for_url("**/interactions")
        page.locator(f'tr[data-id="{call}"]').get_by_role("button", name="Monitor").click()
        expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
        (leg,) = box.do(box.admin.do("legs"))["legs"]
        page.wait_for_timeout(500)
        packets = box.do(box.admin.uplink(leg["handle"]))
        assert packets
        assert all(packet[4] for packet in packets)
        page.get_by_role("button", name="Leave call").click()
        expect(page.locator("#tool-microphone")).to_be_hidden()


def test_an_it_person_has_the_box_in_service_within_ten_minutes_on_the_page_alone(
    browser: Browser, page: Page, box: FreshBox, services: PrivateBox
) -> None:
    began = time.monotonic()
    first_sign_in(page, box)
    assert "The one-time password was changed." in standing(page, "New password")
    name_and_zone(page)
    network(page, services)

    # Left in the middle: the box loses control's process, and the browser is another one.
    starts = box.world.control.starts
    assert box.world.control.pid is not None
    os.kill(box.world.control.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while box.world.control.starts == starts or not box.world.ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    page.context.clear_cookies()
    sign_in(page, "admin", OWN)
    page.wait_for_url("**/first-start")
    at_step(page, "Time")
    assert "eth0 is connected" in standing(page, "Network")

    clock(page)
    go_on(page, "Call platform")
    assert "certificate of its own until" in standing(page, "Certificate")
    platform(page, box)
    headset(page)
    panel(page)
    password = supervisor(page)
    page.get_by_role("button", name="Put the box into service").click()
    expect(page.get_by_role("heading", name="The box is in service")).to_be_visible()
    expect(page.get_by_role("link", name="First start")).to_have_count(0)
    assert time.monotonic() - began < TEN_MINUTES_S
    print(f"in service after {time.monotonic() - began:.0f} s")
    monitors_a_call(browser, box, password)

    page.goto("/audit")
    expect(page.get_by_role("cell", name="Put the box into service")).to_be_visible()
    kept = page.evaluate("fetch('/api/v1/audit?limit=100').then(answer => answer.json())")["items"]
    steps = [json.loads(row["detail"]) for row in kept if row["action"] == "first_start_step"]
    assert [step["step"] for step in reversed(steps)] == [
        "password", "name", "network", "time", "certificate", "platform", "headset", "panel",
        "supervisor",
    ]  # fmt: skip
    assert {step["state"] for step in steps} == {"done"}
    health = page.evaluate("fetch('/api/v1/health').then(answer => answer.json())")["findings"]
    assert "first_start_unfinished" not in [finding["code"] for finding in health]


# -- the same by a document


def set_aside(page: Page, after: str) -> None:
    page.get_by_role("button", name="Set aside").click()
    at_step(page, after)


def by_hand(page: Page, box: FreshBox) -> str:
    """Into service on the page; the network is the one that DHCP gave. The supervisor's password.

    What only a person at the box can tell is set aside, for a document cannot tell it either.
    """
    first_sign_in(page, box)
    name_and_zone(page)
    go_on(page, "Time")
    clock(page)
    go_on(page, "Call platform")
    platform(page, box)
    set_aside(page, "Buttons and lamps")
    set_aside(page, "First supervisor")
    password = supervisor(page)
    page.get_by_role("button", name="Put the box into service").click()
    expect(page.get_by_role("heading", name="The box is in service")).to_be_visible()
    return password


def document(box: FreshBox) -> str:
    """What `by_hand` does, as a document."""
    return f"""
[box]
name = "desk-7"
time_zone = "Europe/Berlin"
[time]
ntp = false
[network.ipv4]
method = "dhcp"
[platform]
driver = "sandbox"
[platform.sandbox]
url = "{box.world.centre_url}"
token = "{box.world.centre_token}"
tenant = "{TENANT}"
[administrator]
password = "{OWN}"
[[accounts]]
name = "sue"
role = "Supervisor"
password = "for the first sign-in"
"""


@dataclass(frozen=True)
class Standing:
    """How a box is, as its page tells it."""

    settings: dict[str, Any]
    steps: dict[str, tuple[str, str]]
    """How each stands, and what was verified of it."""
    in_service: bool


def of_box(page: Page, box: FreshBox) -> Standing:
    """To whoever administers it."""
    ask = "what => fetch(`/api/v1/${what}`).then(answer => answer.json())"
    export = """() => fetch("/api/v1/settings/export", {
        method: "POST", body: "{}",
        headers: { "Content-Type": "application/json", "X-Bargebox": "en" },
    }).then(answer => answer.text())"""
    text = page.evaluate(export).replace(box.world.centre_url, "the contact centre")
    now = page.evaluate(ask, "first-start")
    # An address by DHCP, and a certificate's end, are the box's own.
    own = re.compile(r"connected with [^;]*|until .*")
    steps = {one["step"]: (one["state"], own.sub("", one["words"])) for one in now["steps"]}
    return Standing(tomllib.loads(text), steps, now["in_service"] is not None)


def test_a_box_set_up_by_a_document_ends_in_the_state_of_one_set_up_on_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    found = []
    for way in ("page", "document"):
        with private_box() as services:
            services.stand_in("systemd", "timesyncd", "avahi")
            with (
                fresh_box(tmp_path / way, services) as box,
                context(browser, box.world.url, trusting=True) as profile,
            ):
                page = profile.new_page()
                if way == "page":
                    password = by_hand(page, box)
                else:
                    password = "for the first sign-in"
                    report = box.plug_in(document(box))
                    deadline = time.monotonic() + 90
                    while not report.exists() or "The box is in service." not in report.read_text():
                        assert time.monotonic() < deadline, report.exists() and report.read_text()
                        time.sleep(0.2)
                    assert "FAIL" not in report.read_text()
                    sign_in(page, "admin", OWN)
                monitors_a_call(browser, box, password)
                found.append(of_box(page, box))
                assert services.run("cat /etc/hostname") == "desk-7\n"
    by_page, by_document = found
    assert by_document == by_page
    assert by_page.in_service
    assert by_page.settings["box"]["time_zone"] == "Europe/Berlin"
    assert {one["name"] for one in by_page.settings["accounts"]} == {"admin", "sue"}
    states = {step: state for step, (state, _) in by_page.steps.items()}
    aside = {Step.HEADSET: State.ASIDE, Step.PANEL: State.ASIDE}
    assert states == {step: aside.get(step, State.DONE) for step in Step}


# -- how each step looks, and what goes wrong


@pytest.fixture
def world(services: PrivateBox, tmp_path: Path) -> Iterator[RealAccounts]:
    """A box at its first start, with those services and real accounts; small otherwise."""

    def make() -> Store:
        store = Store(tmp_path / "box.sqlite3")
        fill(store._written)
        return store

    # In a thread, for Playwright runs a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        made = RealAccounts(thread.submit(make).result(), tmp_path, 3, services.address)
        made.database.write_now(some_done)
        made.begin_first_start()
        yield made
        thread.submit(lambda: asyncio.run(made.shut())).result()


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
            page.goto(f"/first-start?step={step}")
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
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
        page.goto("/first-start")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
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
        page.goto("/first-start?step=headset")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
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
