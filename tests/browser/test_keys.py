"""Keyboard shortcuts: what they do, when they do nothing, and the dialog that tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.console_served import Served

MUTED = "Listening – you are muted"
FOCUSED_CALL = "() => document.activeElement.closest('tr')?.dataset.id"


@pytest.fixture
def desk(page: Page) -> Iterator[Page]:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.mouse.move(5, 5)
    return page  # type: ignore[return-value]


def test_a_call_is_found_joined_and_left_by_single_keys(desk: Page, server: Served) -> None:
    keyboard = desk.keyboard
    keyboard.press("j")
    keyboard.press("j")
    assert desk.evaluate(FOCUSED_CALL) == "call-00001"
    keyboard.press("j")
    keyboard.press("k")
    assert desk.evaluate(FOCUSED_CALL) == "call-00001"
    keyboard.press("Enter")
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    keyboard.press("m")
    expect(desk.locator("#tool-state")).to_contain_text("Live")
    keyboard.press("n")
    expect(desk.locator("#tool-call")).to_contain_text("Chloé Martin")
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    keyboard.press("h")  # it needs the shift key: leaving is not undone
    desk.wait_for_timeout(300)
    expect(desk.locator("#toolbar")).to_be_visible()
    keyboard.press("Shift+H")
    expect(desk.locator("#notice-words")).to_have_text("You left the call.")
    keyboard.press("n")
    expect(desk.locator("#tool-state")).to_have_text(MUTED)


def test_a_key_with_nothing_to_do_says_so(desk: Page) -> None:
    desk.keyboard.press("m")
    expect(desk.locator("#notice-words")).to_have_text("No call is being monitored.")
    for _ in range(5):
        desk.keyboard.press("j")
    assert desk.evaluate(FOCUSED_CALL) == "call-00004"
    desk.keyboard.press("Enter")
    expect(desk.locator("#notice-words")).to_have_text("Flow has no Silent Monitoring")


def test_where_there_is_no_next_call_the_present_one_stays(desk: Page) -> None:
    desk.get_by_label("Search").fill("call-00001")
    expect(desk.locator("#list tbody tr")).to_have_count(1)
    desk.locator('tr[data-id="call-00001"] button').click()
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    desk.get_by_role("button", name="Next call").click()
    expect(desk.locator("#tool-why")).to_have_text("There is no other call.")
    expect(desk.locator("#tool-call")).to_contain_text("Ben Okafor")


def test_nothing_happens_while_somebody_types(desk: Page) -> None:
    desk.locator('tr[data-id="call-00001"] button').click()
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    desk.locator("body").click(position={"x": 4, "y": 4})
    desk.keyboard.press("/")
    expect(desk.get_by_label("Search")).to_be_focused()
    desk.keyboard.type("mHn?jk/")
    expect(desk.get_by_label("Search")).to_have_value("mHn?jk/")
    desk.wait_for_timeout(300)
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    expect(desk.locator("#keys")).to_be_hidden()
    desk.get_by_label("Queue").focus()
    desk.keyboard.press("m")
    desk.locator("#tab-active").focus()
    desk.keyboard.press("Control+m")
    desk.wait_for_timeout(300)
    expect(desk.locator("#tool-state")).to_have_text(MUTED)


def test_they_can_be_switched_off_and_stay_so(desk: Page) -> None:
    desk.locator('tr[data-id="call-00001"] button').click()
    expect(desk.locator("#tool-state")).to_have_text(MUTED)
    microphone = desk.locator("#tool-microphone")
    expect(microphone).to_have_attribute("aria-keyshortcuts", "M")
    desk.locator("#sort-agent").focus()
    desk.keyboard.press("?")
    expect(desk.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    desk.keyboard.press("m")  # the dialog is no place to speak from
    desk.get_by_label("Use these shortcuts").uncheck()
    desk.keyboard.press("Escape")
    expect(desk.locator("#keys")).to_be_hidden()
    for _ in range(2):
        desk.locator("#sort-agent").focus()
        desk.keyboard.press("m")
        desk.keyboard.press("?")
        desk.wait_for_timeout(300)
        expect(desk.locator("#tool-state")).to_have_text(MUTED)
        expect(desk.locator("#keys")).to_be_hidden()
        assert microphone.get_attribute("aria-keyshortcuts") is None
        desk.reload()
        expect(desk.locator("#toolbar")).to_be_visible()
    desk.locator("details.menu summary").click()
    desk.get_by_role("button", name="Keyboard shortcuts").click()
    desk.get_by_label("Use these shortcuts").check()
    desk.get_by_role("button", name="Close").click()
    expect(desk.locator("details.menu summary")).to_be_focused()
    desk.keyboard.press("m")
    expect(desk.locator("#tool-state")).to_contain_text("Live")


def test_the_focused_row_stays_focused_when_the_list_comes_anew(desk: Page) -> None:
    desk.keyboard.press("j")
    desk.keyboard.press("j")
    desk.evaluate("document.querySelector('#filters [name=queue]').value = 'Sales'")
    desk.evaluate(
        "document.querySelector('#filters [name=queue]').dispatchEvent("
        "new Event('input', {bubbles: true}))"
    )
    expect(desk.locator("#list tbody tr")).to_have_count(10)
    assert desk.evaluate(FOCUSED_CALL) == "call-00001"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_dialog(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    for locale in ("en-GB", "de-DE"):
        with visit(browser, server, size, scheme, locale=locale) as page:
            page.goto("/sign-in")
            page.locator("[name=user]").fill("sam")
            page.locator("[name=password]").fill("correct horse battery")
            page.locator("button.primary").click()
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            page.locator("details.menu summary").click()
            inspect(page, f"person-menu-{locale}-{scheme}-{size}")
            page.locator("#keys-open").click()
            expect(page.locator("#keys")).to_be_visible()
            inspect(page, f"keys-{locale}-{scheme}-{size}")
