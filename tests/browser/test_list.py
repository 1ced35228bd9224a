"""The list: filters, order, changes in place, and nothing that moves under the pointer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from appliance.platforms.protocol import Agent, PlatformConnection
from tests.support.browser import sign_in
from tests.support.console_calls import call_number
from tests.support.console_served import Served

NASTY = "<img src=x onerror=alert(1)><script>document.title='owned'</script>&amp;\"'"
ROWS = "#list tbody tr"


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator(ROWS).evaluate_all("rows => rows.map(row => row.dataset.id)")
    return found


def ready(page: Page) -> None:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.mouse.move(5, 5)


def test_search_and_filters_narrow_the_list(page: Page) -> None:
    ready(page)
    expect(page.locator(ROWS)).to_have_count(20)
    page.get_by_label("Search").fill("greta")
    expect(page.locator(ROWS)).to_have_count(6)
    expect(page.locator("#count")).to_contain_text("1–6 of 6")
    assert "search=greta" in page.url
    page.get_by_label("Queue").select_option("Sales")
    expect(page.locator(ROWS)).to_have_count(2)
    page.reload()
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.get_by_label("Search")).to_have_value("greta")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(ROWS)).to_have_count(20)
    page.get_by_label("Search").fill("nobody at all")
    expect(page.get_by_text("No interaction fits the filters now.")).to_be_visible()


def test_columns_sort_both_ways_and_say_so(page: Page) -> None:
    ready(page)
    header = page.get_by_role("columnheader", name="Customer")
    expect(page.get_by_role("columnheader", name="Elapsed")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_role("button", name="Customer").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    first = page.locator(ROWS).first
    expect(first).to_contain_text("Greta Holm")
    page.get_by_role("button", name="Customer").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(first).to_contain_text("Kim Ji-woo")


def test_pages_turn(page: Page, server: Served) -> None:
    sign_in(page)
    page.goto("/interactions?per_page=12")
    expect(page.get_by_text("Page 1 of 3")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.locator(ROWS)).to_have_count(6)
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_label("Search").fill("greta")
    expect(page.locator("#count")).to_contain_text("1–6 of 6")  # back at the first page


def test_tabs_work_with_the_arrow_keys(page: Page) -> None:
    ready(page)
    active = page.get_by_role("tab", name="Active")
    active.focus()
    page.keyboard.press("ArrowRight")
    monitored = page.get_by_role("tab", name="Monitored")
    expect(monitored).to_be_focused()
    expect(monitored).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Nothing has been monitored")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(ROWS)).to_have_count(20)


def test_a_row_changes_in_place(page: Page, server: Served) -> None:
    ready(page)
    row = page.locator('tr[data-id="call-00003"]')
    expect(row).to_contain_text("In conversation")
    row.evaluate("row => row.mark = 'same'")
    held = replace(call_number(3), state="on-hold", queue="Moved")
    server.do(lambda: server.world.change(held))
    expect(row).to_contain_text("On hold", timeout=2000)
    expect(row).to_contain_text("Moved")
    assert row.evaluate("row => row.mark") == "same"


def test_new_and_ended_calls_come_by_themselves_when_nobody_points(
    page: Page, server: Served
) -> None:
    ready(page)
    page.goto("/interactions?per_page=40")
    new = replace(call_number(77), started_at=datetime.now(UTC))
    server.do(lambda: server.world.change(new))
    expect(page.locator(ROWS)).to_have_count(31)
    server.do(lambda: server.world.change(replace(call_number(0), state="ended")))
    expect(page.locator(ROWS)).to_have_count(30)
    assert "call-00000" not in ids(page)


def test_nothing_moves_under_the_pointer(page: Page, server: Served) -> None:
    ready(page)
    page.goto("/interactions?per_page=40")
    row = page.locator('tr[data-id="call-00005"]')
    row.hover()
    before, place = ids(page), row.bounding_box()
    server.do(lambda: server.world.change(replace(call_number(0), state="ended")))
    server.do(lambda: server.world.change(replace(call_number(88), started_at=datetime.now(UTC))))
    update = page.get_by_role("button", name="2 changes – update list")
    expect(update).to_be_visible()
    expect(page.locator('tr[data-id="call-00000"]')).to_contain_text("Ended")
    page.wait_for_timeout(1500)
    assert ids(page) == before
    assert row.bounding_box() == place
    update.click()
    expect(page.locator('tr[data-id="call-00088"]')).to_be_visible()
    expect(page.locator('tr[data-id="call-00000"]')).to_have_count(0)
    expect(update).to_be_hidden()


def test_nothing_moves_under_the_keyboard_focus(page: Page, server: Served) -> None:
    ready(page)
    button = page.locator('tr[data-id="call-00005"] button')
    page.locator("#sort-started_at").focus()
    while not button.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    server.do(lambda: server.world.change(replace(call_number(0), state="ended")))
    update = page.locator("#update")
    expect(update).to_contain_text("1 change – update list")
    expect(button).to_be_focused()
    update.focus()
    page.keyboard.press("Enter")
    expect(page.locator('tr[data-id="call-00000"]')).to_have_count(0)
    expect(page.locator("#list")).to_be_focused()


def test_what_the_platform_says_is_text_and_never_markup(page: Page, server: Served) -> None:
    nasty = replace(
        call_number(2),
        customer=NASTY,
        queue=NASTY,
        flow=NASTY,
        contact_point=NASTY,
        agents=(Agent("a", NASTY),),
    )
    server.do(lambda: server.world.change(nasty))
    ready(page)
    row = page.locator('tr[data-id="call-00002"]')
    expect(row.locator("th")).to_have_text(NASTY)
    expect(row.locator(".c-customer")).to_have_text(NASTY)
    again = replace(nasty, customer=f"again {NASTY}")
    server.do(lambda: server.world.change(again))
    expect(row.locator(".c-customer")).to_have_text(f"again {NASTY}")
    row.get_by_role("button").click()
    expect(page.locator("#tool-call")).to_contain_text(NASTY)
    assert page.locator("#list img, #toolbar img, #list script").count() == 0
    assert "owned" not in page.title()
    page.get_by_label("Queue").select_option(NASTY)
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_label("Search").fill('"><img src=x onerror=alert(1)>')
    expect(page.get_by_text("No interaction fits")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Search")).to_have_value('"><img src=x onerror=alert(1)>')


def test_a_disabled_button_says_why(page: Page, server: Served) -> None:
    ready(page)
    button = page.locator('tr[data-id="call-00004"] button')
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description("Flow has no Silent Monitoring")
    expect(page.locator('tr[data-id="call-00004"] .why')).to_be_visible()
    server.do(lambda: server.world.book.take(PlatformConnection(False, "The centre is away.")))
    expect(page.locator("#platform-lost")).to_have_text("The centre is away.")
    free = page.locator('tr[data-id="call-00001"] button')
    expect(free).to_have_accessible_description("Platform not reachable")
    server.do(lambda: server.world.book.take(PlatformConnection(True)))
    expect(page.locator("#platform-lost")).to_be_hidden()
    expect(free).to_be_enabled()


def test_elapsed_time_ticks(page: Page) -> None:
    ready(page)
    time = page.locator('tr[data-id="call-00001"] time')
    before = time.inner_text()
    expect(time).not_to_have_text(before)


@contextmanager
def without_scripts(page: Page) -> Iterator[Locator]:
    """The first row's button, while the page's modules do not come; in the end they do."""
    sign_in(page)
    held: list[Route] = []
    page.route("**/js/page*", lambda route: held.append(route))
    page.goto("/interactions", wait_until="commit")
    button = page.locator('tr[data-id="call-00001"] button')
    yield button
    expect(button).to_have_text("Monitor")
    for route in held:
        route.continue_()


def test_a_press_before_the_scripts_have_come_is_done_when_they_have(page: Page) -> None:
    with without_scripts(page) as button:
        button.click()
        page.wait_for_timeout(300)
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


@pytest.mark.parametrize("how", ["too long ago", "something else pressed since"])
def test_an_early_press_that_was_given_up_is_not_done(page: Page, how: str) -> None:
    with without_scripts(page) as button:
        button.click()
        if how == "too long ago":
            page.wait_for_timeout(5200)
        else:
            page.get_by_role("heading", level=1).click()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.wait_for_timeout(500)
    expect(page.locator("#toolbar")).to_be_hidden()
