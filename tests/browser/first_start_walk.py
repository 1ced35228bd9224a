"""The first start as a person walks through it at a real box: a function a step."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Browser, Page, expect

from appliance.demo.world import TENANT
from tests.browser.fresh_box import FreshBox
from tests.support.browser import context, sign_in
from tests.support.private_box import PrivateBox

OWN = "a password of my own"


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
