"""The list drawn anew: which answer counts, where one was before, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.looks import visit
from tests.browser.test_list import ROWS, ids, ready
from tests.support.browser import sign_in
from tests.support.console_calls import call_number
from tests.support.console_served import Served

FOCUSED_CALL = "() => document.activeElement.closest('tr')?.dataset.id"


@contextmanager
def held(page: Page, which: Callable[[str], bool]) -> Iterator[list[Route]]:
    """Lists asked for while *which* is true of their address wait until the block ends."""
    waiting: list[Route] = []
    over = False

    def asked(route: Route) -> None:
        if over:
            route.continue_()
        else:
            waiting.append(route)

    page.route(lambda url: "/interactions/list?" in url and which(url), asked)
    yield waiting
    over = True
    for route in waiting:
        route.continue_()


def wait_for(page: Page, waiting: list[Route], count: int = 1) -> None:
    for _ in range(100):
        if len(waiting) >= count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{len(waiting)} lists were asked for")


def new_call(server: Served, number: int) -> None:
    new = replace(call_number(number), started_at=datetime.now(UTC))
    server.do(lambda: server.world.change(new))


def test_back_and_forward_show_what_was_chosen(page: Page) -> None:
    ready(page)
    expect(page.locator(ROWS)).to_have_count(20)
    page.get_by_label("Queue").select_option("Sales")
    expect(page).to_have_url(re.compile("queue=Sales"))
    page.get_by_label("Search").press_sequentially("greta", delay=200)
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("tab", name="Monitored").click()
    expect(page.get_by_text("Nothing has been monitored")).to_be_visible()

    page.go_back()
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.get_by_role("tab", name="Active")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Search")).to_have_value("greta")
    page.go_back()  # a word is one step, however many lists its letters brought
    expect(page.get_by_label("Search")).to_have_value("")
    expect(page.get_by_label("Queue")).to_have_value("Sales")
    assert "search" not in page.url
    page.go_back()
    expect(page.locator(ROWS)).to_have_count(20)
    expect(page.get_by_label("Queue")).to_have_value("")
    page.go_forward()
    expect(page.get_by_label("Queue")).to_have_value("Sales")
    page.wait_for_timeout(1500)  # lists that come by themselves are no steps
    page.go_forward()
    expect(page.locator(ROWS)).to_have_count(2)


def test_an_older_answer_never_replaces_a_newer_one(page: Page) -> None:
    ready(page)
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.url))
    with held(page, lambda url: "search=greta&" in f"{url}&") as waiting:
        page.get_by_label("Search").fill("greta")
        wait_for(page, waiting)
        page.get_by_label("Search").fill("nobody")
        expect(page.get_by_text("No interaction fits the filters now.")).to_be_visible()
        assert [url for url in ended if "greta" in url]
    page.wait_for_timeout(500)
    expect(page.get_by_text("No interaction fits the filters now.")).to_be_visible()
    assert "nobody" in page.url


def test_a_list_that_does_not_come_in_time_is_asked_for_again(page: Page) -> None:
    ready(page)
    page.clock.install()
    with held(page, lambda url: "search=greta" in url) as waiting:
        page.get_by_label("Search").fill("greta")
        wait_for(page, waiting)
        page.clock.fast_forward(5000)
        page.wait_for_timeout(300)
        page.clock.fast_forward(5000)
        page.locator('tr[data-id="call-00005"]').hover()  # what somebody asked for comes even so
        wait_for(page, waiting, 2)
        assert page.locator(ROWS).count() == 20
        waiting.pop(0)
    expect(page.locator(ROWS)).to_have_count(6)


def test_a_list_that_nobody_asked_for_waits_for_a_pointer_that_came_meanwhile(
    page: Page, server: Served
) -> None:
    ready(page)
    page.wait_for_timeout(1200)
    before = ids(page)
    with held(page, lambda url: True) as waiting:
        new_call(server, 77)
        wait_for(page, waiting)
        page.locator('tr[data-id="call-00005"]').hover()
    expect(page.locator("#update")).to_have_text("1 change – update list")
    assert ids(page) == before


def test_the_focus_stays_with_the_call_and_not_with_its_place(page: Page, server: Served) -> None:
    ready(page)
    page.locator('tr[data-id="call-00005"] button').hover()
    page.mouse.down()  # by the pointer, so that the list does not wait
    page.mouse.move(5, 5)
    page.mouse.up()
    assert page.evaluate(FOCUSED_CALL) == "call-00005"
    server.do(lambda: server.world.change(replace(call_number(0), state="ended")))
    expect(page.locator('tr[data-id="call-00000"]')).to_have_count(0)
    assert page.evaluate(FOCUSED_CALL) == "call-00005"


def test_who_signed_out_elsewhere_is_asked_to_sign_in(page: Page) -> None:
    ready(page)
    page.context.clear_cookies()
    page.get_by_label("Search").fill("greta")
    page.wait_for_url("**/sign-in")


def test_the_row_of_orders_stays_where_it_was_pushed(browser: Browser, server: Served) -> None:
    with visit(browser, server, "phone", "light") as page:
        sign_in(page)
        page.goto("/interactions?per_page=40")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        page.evaluate("document.querySelector('#list thead').scrollLeft = 30")
        page.mouse.move(5, 5)
        new_call(server, 77)
        expect(page.locator(ROWS)).to_have_count(31)
        assert page.evaluate("document.querySelector('#list thead').scrollLeft") == 30
