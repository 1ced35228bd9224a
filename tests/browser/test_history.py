"""Sessions of the past: found, sorted, looked at and taken along, by keyboard as well."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import EndReason
from appliance.monitoring.store import StoreError
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, context, sign_in, watch
from tests.support.console_served import Served
from tests.support.console_world import World, make_world
from tests.support.past_sessions import past

COUNT = 120
ROWS = "#past tbody tr"
NASTY = "<img src=x onerror=alert(1)><script>document.title='owned'</script>&amp;\"'"


@pytest.fixture
def world() -> World:
    world = make_world(12)
    world.remember(past(number) for number in range(COUNT))
    odd = past(COUNT)
    world.remember(
        [
            replace(
                odd,
                end_reason=EndReason.FAILED,
                end_detail="The platform did not answer.",
                ended_at=odd.started_at + timedelta(hours=2, minutes=3),
                interaction=replace(odd.interaction, queue=NASTY, customer="x" * 90),
            )
        ]
    )
    return world


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_both_pages_are_for_everybody(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page)
        page.goto("/history?per_page=20&page=2")
        expect(page.locator(ROWS)).to_have_count(20)
        inspect(page, f"history-{scheme}-{size}")
        page.goto("/history?search=nobody")
        inspect(page, f"history-none-{scheme}-{size}")
        for number in (3, COUNT):
            page.goto(f"/history/{past(number).id}")
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            page.locator(".more-rows summary").click()
            page.evaluate("scrollTo(0, 0)")
            inspect(page, f"history-session-{number}-{scheme}-{size}", whole=True)


def test_by_keyboard_from_the_list_to_a_session_and_back(page: Page) -> None:
    sign_in(page)
    page.get_by_role("link", name="History").press("Enter")
    expect(page.locator("#count")).to_contain_text(f"1–20 of {COUNT + 3} sessions")
    page.get_by_label("Search").focus()
    page.keyboard.type("ÜBERSEE ana")
    expect(page.locator("#count")).to_contain_text("of 6 sessions")
    expect(page.locator("#past-told")).to_contain_text("6 sessions")
    page.get_by_role("button", name="Length").press("Enter")
    expect(page.get_by_role("columnheader", name="Length")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(page.get_by_role("button", name="Length")).to_be_focused()
    listed = page.url
    first = page.locator(f"{ROWS} a").first
    first.press("Enter")
    page.wait_for_url("**/history/past-*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("monitored Ana López with Greta")
    page.get_by_role("group").get_by_text("The curves as a table").press("Enter")
    expect(page.get_by_role("columnheader", name="MOS")).to_be_visible()
    page.get_by_role("link", name="Previously monitored").press("Enter")
    page.wait_for_url(listed)
    expect(page.get_by_label("Search")).to_have_value("ÜBERSEE ana")
    expect(page.locator("#count")).to_contain_text("of 6 sessions")


def test_filters_are_in_the_address_and_can_be_cleared(page: Page) -> None:
    sign_in(page)
    page.goto("/history")
    page.locator("[name=supervisor]").select_option("Ängström")
    expect(page.locator("#count")).to_contain_text(f"of {COUNT // 3} sessions")
    page.locator("[name=end_reason]").select_option("customer_ended")
    page.get_by_label("Barged in").select_option("no")
    page.get_by_label("Queue").select_option("Sales")
    expect(page.locator("#count")).to_contain_text("of 10 sessions")
    page.reload()
    expect(page.locator("#count")).to_contain_text("of 10 sessions")
    expect(page.get_by_label("Queue")).to_have_value("Sales")
    expect(page.get_by_label("Barged in")).to_have_value("no")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#count")).to_contain_text(f"of {COUNT + 3} sessions")
    expect(page.get_by_label("Queue")).to_have_value("")
    expect(page).to_have_url(re.compile("/history$"))


def test_pages_turn_and_a_filter_begins_at_the_first(page: Page) -> None:
    sign_in(page)
    page.goto("/history?per_page=50")
    page.get_by_role("button", name="Next").press("Enter")
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_focused()
    page.get_by_role("button", name="Next").press("Enter")
    expect(page.locator("#count")).to_contain_text(f"101–{COUNT + 3} of {COUNT + 3}")
    expect(page.locator("#past")).to_be_focused()  # for Next can do no more
    page.get_by_label("Direction").select_option("outbound")
    expect(page.locator("#count")).to_contain_text("1–30 of 30")
    page.goto("/history?per_page=50&page=99")
    expect(page.get_by_text("Page 3 of 3")).to_be_visible()


@pytest.mark.parametrize(
    ("zone", "day", "found"),
    [("Asia/Tokyo", "2026-01-06", 48), ("America/New_York", "2026-01-05", 42)],
)
def test_days_and_times_are_the_reader_s(
    browser: Browser, server: Served, zone: str, day: str, found: int
) -> None:
    made = browser.new_context(base_url=server.url, timezone_id=zone, locale="de-DE")
    page = made.new_page()
    complaints = watch(page)
    sign_in(page)
    page.goto("/history?sort=started_at")
    page.get_by_label("Von", exact=True).fill(day)
    page.get_by_label("Bis", exact=True).fill(day)
    expect(page.locator("#count")).to_contain_text(f"von {found} Sitzungen")
    year, month, date = day.split("-")
    first = page.locator(f"{ROWS} time").first
    expect(first).to_contain_text(f"{date}.{month}.{year}")
    page.reload()
    expect(page.get_by_label("Von", exact=True)).to_have_value(day)
    expect(page.get_by_label("Bis", exact=True)).to_have_value(day)
    page.locator(f"{ROWS} a").first.click()
    shown = page.locator(".timeline .at").first
    offset = {"Asia/Tokyo": 9, "America/New_York": -5}[zone]
    began = page.locator(".lead time").first.get_attribute("datetime")
    assert began is not None
    hour = (int(began[11:13]) + offset) % 24
    expect(shown).to_contain_text(f"{hour:02}:{began[14:16]}")
    assert complaints == []
    made.close()


def test_what_was_found_can_be_taken_along(page: Page, server: Served) -> None:
    sign_in(page)
    page.goto("/history?queue=Support&barged=yes")
    expect(page.locator("#count")).to_contain_text("of 10 sessions")
    with page.expect_download() as awaited:
        page.get_by_role("link", name="Download CSV").press("Enter")
    assert awaited.value.suggested_filename.endswith(".csv")
    text = awaited.value.path().read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 10
    assert {row["queue"] for row in rows} == {"Support"}
    with page.expect_download() as awaited:
        page.get_by_role("link", name="Download JSON").press("Enter")
    found = json.loads(awaited.value.path().read_text("utf-8"))
    assert [item["session_id"] for item in found] == [row["session_id"] for row in rows]
    exports = [row for row in server.world.audit.rows if row.action == "history_exported"]
    assert [json.loads(row.detail) for row in exports] == [
        {"format": name, "filters": {"queue": "Support", "barged": "yes"}}
        for name in ("csv", "json")
    ]
    assert {row.actor for row in exports} == {"sam"}


def test_text_of_the_platform_stays_text(page: Page) -> None:
    sign_in(page)
    page.goto("/history?search=onerror")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(f"{ROWS} .c-queue")).to_contain_text(NASTY)
    page.locator(f"{ROWS} a").click()
    expect(page.locator(".facts")).to_contain_text(NASTY)
    expect(page.locator(".facts")).to_contain_text("Failed: The platform did not answer.")
    expect(page).not_to_have_title("owned")


def test_one_sees_one_s_own_alone(page: Page, server: Served) -> None:
    accounts = server.world.accounts.accounts
    accounts["sam"] = replace(
        accounts["sam"], permissions=accounts["sam"].permissions - {"VIEW_ALL_MONITORED_CALLS"}
    )
    sign_in(page)
    page.goto("/history")
    expect(page.locator("#count")).to_contain_text(f"of {COUNT // 3 + 2} sessions")
    expect(page.locator("[name=supervisor]")).to_have_count(0)
    page.goto(f"/history/{past(1).id}")
    expect(page.get_by_text("There is no such session")).to_be_visible()


def test_a_call_that_was_monitored_before_leads_to_its_sessions(page: Page, server: Served) -> None:
    sign_in(page)
    row = page.locator('tr[data-id="call-00001"]')
    row.get_by_role("button").click()
    expect(page.locator("#tool-state")).to_contain_text("muted")
    page.get_by_role("button", name="Leave call").click()
    page.mouse.move(5, 5)
    before = page.get_by_role("link", name="monitored before")
    expect(before).to_have_count(1)
    before.press("Enter")
    page.wait_for_url("**/history?interaction=call-00001")
    expect(page.locator("#count")).to_contain_text("1–2 of 2 sessions of interaction call-00001")


def test_a_box_that_cannot_look_says_so(browser: Browser, server: Served) -> None:
    with context(browser, server.url) as profile:
        page = profile.new_page()  # which may complain of the answer
        sign_in(page)
        page.goto("/history")
        server.world.database.fail_with = StoreError("The box's disk does not answer. Check it.")
        page.get_by_label("Search").fill("greta")
        expect(page.locator("#notice-words")).to_contain_text("could not look that up")
        expect(page.locator(ROWS)).to_have_count(20)
        page.goto("/history")
        expect(page.get_by_text("The box's disk does not answer.")).to_be_visible()


def test_reduced_to_black_and_white_the_spans_still_differ(page: Page) -> None:
    """By place and by pattern: no two kinds have the same of either."""
    sign_in(page)
    page.goto(f"/history/{past(3).id}")
    spans = page.locator(".timeline .span").evaluate_all(
        "rects => rects.map(r => [r.classList[1], r.getAttribute('y'), getComputedStyle(r).fill])"
    )
    kinds = {kind: (y, fill) for kind, y, fill in spans}
    assert len(kinds) == 3
    assert len({y for y, _ in kinds.values()}) == 3
    assert kinds["agent"][1] == 'url("#of-agent")'
    assert kinds["muted"][1] == 'url("#of-muted")'
    assert kinds["everyone"][1].startswith("rgb")
