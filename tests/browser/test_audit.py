"""The audit log's page in a real browser: how it looks, filters, older rows, a check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_check import Fault
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, context, sign_in
from tests.support.console_served import Served
from tests.support.console_world import World

START = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
DAY = (
    Entry("admin", "signed_in", detail={"address": "192.0.2.17"}),
    Entry("sam", "monitor", "5f2ac07d91b04e66", "call-00017"),
    Entry("sam", "press", "5f2ac07d91b04e66", detail={"button": "microphone", "action": "unmute"}),
    Entry("sam", "unmute", "5f2ac07d91b04e66", "call-00017", {"audience": "agent", "via": "page"}),
    Entry("sam", "mute", "5f2ac07d91b04e66", "call-00017", {"cause": "button"}),
    Entry("sam", "ended", "5f2ac07d91b04e66", "call-00017", {"reason": "customer_ended"}),
    Entry("sue", "monitor_refused", interaction_id="call-00003", detail={"code": "own_call"}),
    Entry("admin", "platform_changed", detail={"driver": "janus", "changed": ["url", "room_pin"]}),
    Entry("bargebox", "coffee_made", detail={"cups": 2}),
)


@pytest.fixture
def world(world: World) -> World:
    """With a busy morning on record."""
    for number in range(240):
        entry = DAY[number % len(DAY)]
        at = START + timedelta(minutes=number)
        world.audit.add(
            Entry(
                entry.actor, entry.action, entry.session_id, entry.interaction_id, entry.detail, at
            )
        )
    return world


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_page_in_each_state(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page, "admin")
        page.goto("/audit?limit=12")
        inspect(page, f"audit-{scheme}-{size}")
        page.get_by_role("button", name="Check now").click()
        expect(page.get_by_role("heading", name="Whole")).to_be_visible()
        page.get_by_text("Signed head").click()
        inspect(page, f"audit-whole-{scheme}-{size}", whole=True)
        server.world.audit.faults = [
            Fault(17, "Row 17 was changed after it was written."),
            Fault(93, "Rows 93 to 95 are missing: row 96 comes next."),
        ]
        page.get_by_role("button", name="Check now").click()
        expect(page.get_by_role("heading", name="Not as it was written")).to_be_visible()
        inspect(page, f"audit-broken-{scheme}-{size}")
        page.goto("/audit?actor=nobody")
        inspect(page, f"audit-empty-{scheme}-{size}")


def rows(page: Page) -> list[int]:
    return [int(text) for text in page.locator("tbody .c-seq").all_inner_texts()]


def test_filters_and_older_rows_are_plain_links(browser: Browser, server: Served) -> None:
    """Also where scripts do not run."""
    with visit(browser, server, "wide", "light") as signed:
        sign_in(signed, "admin")
        kept = signed.context.storage_state()
    without = browser.new_context(
        base_url=server.url, storage_state=kept, java_script_enabled=False
    )
    page = without.new_page()
    page.goto("/audit?limit=20")
    newest = rows(page)[0]  # the sign-in is on record
    assert rows(page) == list(range(newest, newest - 20, -1))
    page.get_by_role("link", name="Older").click()
    assert rows(page) == list(range(newest - 20, newest - 40, -1))
    page.get_by_role("link", name="Newest").click()
    page.get_by_label("Who").fill("sue")
    page.get_by_label("What").select_option("Was refused to monitor")
    page.get_by_role("button", name="Show").click()
    assert set(page.locator("tbody th").all_inner_texts()) == {"sue"}
    expect(page.get_by_label("Who")).to_have_value("sue")
    assert "You handle this call yourself" in page.locator("tbody").inner_text()
    page.get_by_role("link", name="Clear filters").click()
    assert rows(page)[0] == newest
    without.close()


def test_an_export_is_a_file(page: Page, server: Served) -> None:
    sign_in(page, "admin")
    page.goto("/audit")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export", exact=True).click()
    assert download.value.suggested_filename.endswith(".ndjson")
    text = download.value.path().read_text()
    assert text.splitlines()[-1].startswith('{"audit_head":')
    page.reload()
    expect(page.locator("tbody tr").first).to_contain_text("Exported the audit log")


def test_a_check_that_fails_says_so_in_words(browser: Browser, server: Served) -> None:
    with context(browser, server.url) as profile:
        page = profile.new_page()
        sign_in(page, "admin")
        page.goto("/audit")
        page.route("**/api/v1/audit/check", lambda route: route.abort())
        page.get_by_role("button", name="Check now").click()
        expect(page.locator("#audit-told")).to_contain_text("The box does not answer.")
        page.unroute("**/api/v1/audit/check")
        page.get_by_role("button", name="Check now").click()
        expect(page.get_by_role("heading", name="Whole")).to_be_visible()


def test_the_way_there_is_for_those_who_may(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.goto("/audit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
