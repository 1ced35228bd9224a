"""Everybody can use it: axe finds nothing, the keyboard reaches all, small screens fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import EndReason
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, context, sign_in
from tests.support.console_calls import call_number
from tests.support.console_served import Served

SCROLLED_CLEAR = """() => {
  scrollTo(0, document.documentElement.scrollHeight);
  const last = [...document.querySelectorAll("#list tbody tr")].at(-1).getBoundingClientRect();
  return last.bottom < document.getElementById("toolbar").getBoundingClientRect().top;
}"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_each_page_in_each_state(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    monitoring = server.world.monitoring
    with visit(browser, server, size, scheme) as page:

        def look(name: str) -> None:
            inspect(page, f"{name}-{scheme}-{size}")

        page.goto("/sign-in")
        look("sign-in")
        page.goto("/none")
        look("error")
        sign_in(page)
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        look("list")
        page.goto("/interactions?search=nobody")
        look("list-empty")
        page.goto("/interactions?per_page=10")
        page.locator("details.menu summary").click()
        look("menu")
        page.keyboard.press("Escape")
        page.locator('tr[data-id="call-00001"] button').click()
        expect(page.locator("#tool-state")).to_contain_text("muted")
        server.do(lambda: monitoring.levels(-18, -100))
        for mos in (*([4.36, 4.31, 4.38] * 9), None, None, 3.7, 2.9, 1.8, 3.4, *([4.3] * 12)):
            server.do(lambda mos=mos: monitoring.quality(mos))  # type: ignore[misc]
        expect(page.locator("#quality-word")).to_have_text("Good")
        look("listening")
        page.get_by_role("button", name="Microphone").click()
        expect(page.locator("#tool-state")).to_contain_text("Live")
        server.do(lambda: monitoring.levels(-18, -24))
        server.do(lambda: monitoring.quality(2.4, 22.0))
        expect(page.locator("#quality-word")).to_have_text("Poor")
        look("live")
        page.goto("/panel")
        expect(page.locator("#box")).to_have_attribute("data-known", "yes")
        look("panel")
        server.do(monitoring.lose_leg)
        expect(page.locator("#tool-state")).to_contain_text("unknown")
        look("unknown")
        monitoring.sound = SessionQuality(mos=4.13, mos_worst=1.8, lost_percent=1.2)
        server.do(lambda: monitoring.end(EndReason.CUSTOMER_ENDED))
        expect(page.locator("#notice")).to_be_visible()
        page.goto("/interactions")
        expect(page.locator("#notice")).to_be_visible()
        expect(page.locator("#list .sound:visible")).to_have_text("MOS 4.1 1.2 % lost")
        look("ended")
        page.goto("/change-password")
        look("change-password")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/sign-in")
    page.keyboard.type("sam")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Interaction Monitoring")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()

    def walk_to(name: str, limit: int = 60) -> None:
        for _ in range(limit):
            page.keyboard.press("Tab")
            active = page.evaluate(
                "() => document.activeElement.ariaLabel || document.activeElement.innerText"
            )
            if active and active.startswith(name):
                return
        raise AssertionError(f"the keyboard never reached {name!r}")

    walk_to("Monitor Ben Okafor")
    page.keyboard.press("Enter")
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
    walk_to("Microphone", 120)
    page.keyboard.press("Space")
    expect(page.locator("#tool-state")).to_contain_text("Live")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#tool-state")).to_have_text("Live – only the agent hears you")
    walk_to("Leave call")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("You left the call.")


def test_a_screen_reader_hears_states_and_not_the_table(page: Page) -> None:
    sign_in(page)
    live = page.evaluate(
        "() => [...document.querySelectorAll('[role=status], [role=alert], [aria-live]')]"
        ".filter(element => element.querySelector('table, tr') || element.closest('table')).length"
    )
    assert live == 0
    row = page.locator('tr[data-id="call-00003"]')
    expect(row.get_by_role("rowheader")).to_have_text("Dewi Lestari")
    expect(row.get_by_role("button")).to_have_accessible_name(
        "Monitor Dewi Lestari with Jonas Weber +49300000003"
    )


@pytest.mark.parametrize("size", SIZES)
def test_every_row_can_be_scrolled_clear_of_the_toolbar(
    browser: Browser, server: Served, size: str
) -> None:
    name = "Maximiliane-Theodora von Hohenstein-Wittgenstein zu Sayn und Berleburg " * 2
    long = replace(call_number(1), customer=name, started_at=datetime.now(UTC))
    server.do(lambda: server.world.change(long))
    with visit(browser, server, size, "light") as page:
        sign_in(page)
        page.goto("/interactions?per_page=40")
        page.locator('tr[data-id="call-00001"] button').click()
        expect(page.locator("#tool-state")).to_contain_text("muted")
        page.wait_for_function(SCROLLED_CLEAR)
        inspect(page, f"long-name-light-{size}")


def test_the_list_does_not_move_when_the_toolbar_goes(page: Page, server: Served) -> None:
    sign_in(page)
    page.locator('tr[data-id="call-00001"] button').click()
    expect(page.locator("#tool-state")).to_contain_text("muted")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    row = page.locator("#list tbody tr").last
    row.hover()
    place = row.bounding_box()
    server.do(lambda: server.world.monitoring.end(EndReason.CALL_ENDED))
    expect(page.locator("#toolbar")).to_be_hidden()
    page.wait_for_timeout(300)
    assert row.bounding_box() == place


def test_zoomed_text_fits(browser: Browser, server: Served) -> None:
    # 400 % of a 1280 px window (WCAG 2.2, 1.4.10).
    with context(browser, server.url, width=320, height=256) as profile:
        page = profile.new_page()
        sign_in(page)
        page.locator('tr[data-id="call-00001"] button').click()
        expect(page.locator("#toolbar")).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320
        page.get_by_role("button", name="Leave call").scroll_into_view_if_needed()
        page.get_by_role("button", name="Leave call").click()
        expect(page.locator("#toolbar")).to_be_hidden()
