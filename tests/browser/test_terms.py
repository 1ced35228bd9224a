"""What the site asks before each call, by keyboard; and the limit on being heard."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from appliance.monitoring.desk import Alert
from appliance.monitoring.terms import Given, Terms
from appliance.monitoring.watches import Kind, Watched
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.console_calls import call_number
from tests.support.console_served import Served

TEXT = "Monitor only what the works agreement allows.\nThe agent can see that you listened."
LISTENING = "Listening – you are muted"


def enter(page: Page) -> Locator:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    return page.get_by_role("button", name="Monitor Ben Okafor with Hiro Tanaka +49300000001")


def test_nothing_is_asked_by_default(page: Page, server: Served) -> None:
    enter(page).click()
    expect(page.locator("#tool-state")).to_have_text(LISTENING)
    expect(page.locator("#before")).to_have_count(0)
    assert server.world.monitoring.given == [Given()]


def test_a_text_is_confirmed_before_each_call_by_keyboard(page: Page, server: Served) -> None:
    server.world.monitoring.terms = Terms(confirmation=TEXT)
    monitor = enter(page)
    monitor.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Before you listen")
    expect(dialog).to_contain_text("The agent can see that you listened.")
    expect(dialog).to_contain_text("Ben Okafor with Hiro Tanaka")
    expect(dialog.get_by_role("button", name="Confirm and monitor")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(monitor).to_be_focused()
    assert server.world.monitoring.given == []
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#tool-state")).to_have_text(LISTENING)
    assert server.world.monitoring.given == [Given(confirmed=True)]


def test_a_reason_is_needed(page: Page, server: Served) -> None:
    server.world.monitoring.terms = Terms(ask_reason=True)
    monitor = enter(page)
    monitor.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    reason = dialog.get_by_label("Reason")
    expect(reason).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Cancel needs none
    expect(dialog).to_be_hidden()
    assert server.world.monitoring.given == []
    page.keyboard.press("Enter")
    page.keyboard.type("A complaint")
    page.keyboard.press("Enter")
    expect(page.locator("#tool-state")).to_have_text(LISTENING)
    assert server.world.monitoring.given == [Given(reason="A complaint")]


def test_the_reason_is_asked_also_where_the_list_moves_on(page: Page, server: Served) -> None:
    server.world.monitoring.terms = Terms(ask_reason=True, reasons=("Training", "Complaint"))
    monitor = enter(page)
    monitor.focus()
    page.keyboard.press("Enter")
    page.evaluate(
        "document.getElementById('list').replaceWith(document.getElementById('list').cloneNode(true))"
    )
    page.keyboard.press("Escape")
    expect(monitor).to_be_focused()
    alert = Alert("sam", call_number(7), (Watched(Kind.AGENT, "agent-1", "Ben Okafor"),))
    server.do(lambda: server.world.monitoring.tell(alert))
    page.locator("#alert-monitor").click()
    page.get_by_label("Reason").select_option("Complaint")
    page.get_by_role("dialog").get_by_role("button", name="Monitor").click()
    expect(page.locator("#tool-state")).to_have_text(LISTENING)
    assert server.world.monitoring.given == [Given(confirmed=False, reason="Complaint")]


def test_a_page_of_before_the_rule_says_what_is_asked(page: Page, server: Served) -> None:
    monitor = enter(page)
    server.world.monitoring.terms = Terms(confirmation=TEXT)
    monitor.click()
    expect(page.locator("#notice")).to_contain_text("the works agreement")
    page.reload()
    monitor.click()
    page.get_by_role("button", name="Confirm and monitor").click()
    expect(page.locator("#tool-state")).to_have_text(LISTENING)


def test_the_limit_counts_down_and_says_so_when_it_strikes(page: Page, server: Served) -> None:
    enter(page).click()
    page.get_by_role("button", name="Microphone").click()
    expect(page.locator("#tool-state")).to_contain_text("Live")
    expect(page.locator("#tool-limit")).to_be_hidden()
    monitoring = server.world.monitoring
    until = datetime.now(UTC) + timedelta(minutes=10)
    server.do(lambda: monitoring._show(replace(monitoring.view, live_until=until)))
    limit = page.locator("#tool-limit")
    expect(limit).to_have_text(re.compile(r"Muted in (10:00|9:5\d), by"))
    first = limit.inner_text()
    expect(limit).not_to_have_text(first)
    place = page.get_by_role("button", name="Microphone").bounding_box()
    words = "You were heard for 10 min, the limit here: you are muted."
    server.do(lambda: monitoring._show(replace(monitoring.view, live_until=None)))
    server.do(lambda: monitoring.gate(muted=True))
    server.do(lambda: monitoring._show(replace(monitoring.view, note=words)))
    expect(page.locator("#notice-words")).to_have_text(words)
    expect(limit).to_be_hidden()
    assert page.get_by_role("button", name="Microphone").bounding_box() == place
    server.do(lambda: monitoring._show(replace(monitoring.view, note="")))
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_question_fits_and_is_accessible(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    server.world.monitoring.terms = Terms(TEXT, True, ("Training", "Complaint"))
    with visit(browser, server, size, scheme) as page:
        enter(page).click()
        inspect(page, f"before-{scheme}-{size}")
        page.get_by_label("Reason").select_option("Training")
        page.get_by_role("button", name="Confirm and monitor").click()
        expect(page.locator("#tool-state")).to_have_text(LISTENING)
        page.get_by_role("button", name="Microphone").click()
        monitoring = server.world.monitoring
        until = datetime.now(UTC) + timedelta(minutes=10)
        expect(page.locator("#tool-state")).to_contain_text("Live")
        server.do(lambda: monitoring._show(replace(monitoring.view, live_until=until)))
        expect(page.locator("#tool-limit")).to_be_visible()
        inspect(page, f"limit-{scheme}-{size}")
