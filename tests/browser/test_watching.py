"""Watching: bells and menu by pointer and keyboard, and the notice of a watched call."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from appliance.control_link.words import EndReason
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Account, Permission, RefusedError
from appliance.monitoring.watches import Kind, Watched, WatchError
from appliance.platforms.protocol import Agent
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, context, sign_in
from tests.support.console_calls import call_number
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served

BEN = Watched(Kind.AGENT, "agent-1", "Ben Okafor")
SUPPORT = Watched(Kind.QUEUE, "Support", "Support")
COUNT = "#watching-count"


def begin(server: Served, number: int, account: str = "sam") -> None:
    """A call that *account* watches for begins."""
    alert = Alert(account, call_number(number), (BEN,))
    server.do(lambda: server.world.monitoring.tell(alert))


def watched(server: Served, account: str = "sam") -> list[Watched]:
    return list(server.world.watches.all.get(account, {}).values())


def enter(page: Page) -> None:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def test_a_bell_watches_and_every_row_of_the_same_shows_it(page: Page, server: Served) -> None:
    enter(page)
    row = page.locator('tr[data-id="call-00001"]')
    row.hover()
    row.get_by_label("Watch Ben Okafor").click()
    expect(page.locator(COUNT)).to_have_text("1")
    assert watched(server) == [BEN]
    expect(page.locator('tr[data-id="call-00007"]').get_by_label("Watch Ben")).to_be_checked()
    expect(page.locator('tr[data-id="call-00002"]').get_by_label("Watch C")).not_to_be_checked()
    page.locator('tr[data-id="call-00000"]').get_by_label("Watch Support").check(force=True)
    expect(page.locator(COUNT)).to_have_text("2")
    page.reload()
    expect(row.get_by_label("Watch Ben Okafor")).to_be_checked()
    page.get_by_label("Search").fill("Ben")
    expect(page.locator("#list tbody tr")).to_have_count(5)
    expect(row.get_by_label("Watch Ben Okafor")).to_be_checked()
    row.get_by_label("Watch Ben Okafor").uncheck(force=True)
    expect(page.locator(COUNT)).to_have_text("1")
    assert watched(server) == [SUPPORT]


def test_a_bell_follows_a_transfer(page: Page, server: Served) -> None:
    enter(page)
    server.do(
        lambda: server.world.change(
            replace(call_number(1), agents=(Agent("agent-2", "Chloé Martin"),), queue="")
        )
    )
    row = page.locator('tr[data-id="call-00001"]')
    bell = row.get_by_label("Watch Chloé Martin")
    expect(bell).to_be_attached()
    expect(row.locator(".bell:not([hidden])")).to_have_count(1)
    bell.check(force=True)
    expect(page.locator(COUNT)).to_have_text("1")
    assert watched(server) == [Watched(Kind.AGENT, "agent-2", "Chloé Martin")]


def test_one_too_many_is_told_and_not_shown_as_watched(page: Page, server: Served) -> None:
    enter(page)
    server.world.watches.fail_with = WatchError("You watch 50 agents and queues already.")
    bell = page.locator('tr[data-id="call-00001"]').get_by_label("Watch Ben Okafor")
    bell.check(force=True)
    expect(page.locator("#notice")).to_contain_text("You watch 50")
    expect(bell).not_to_be_checked()


def test_the_menu_by_keyboard_alone(page: Page, server: Served) -> None:
    enter(page)
    menu = page.locator("#watching summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Also watch")).to_be_focused()
    page.keyboard.type("Ben")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(COUNT)).to_have_text("1")
    assert watched(server) == [BEN]
    expect(page.get_by_label("Also watch").locator("option", has_text="Ben")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Stop watching Ben Okafor")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(COUNT)).to_have_text("0")
    expect(page.get_by_label("Also watch")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_label("Also watch")).to_be_hidden()


def test_a_watched_call_is_told_without_taking_the_focus(page: Page, server: Served) -> None:
    enter(page)
    page.evaluate("""() => document.addEventListener("attention",
        (event) => { document.body.dataset.attention = event.detail; })""")
    search = page.get_by_label("Search")
    search.fill("Ben")
    begin(server, 1, "sue")
    begin(server, 7)
    begin(server, 1)
    words = page.locator("#alert-words")
    told = "Call you watch for: Ben Okafor with Hiro Tanaka +49300000001, Sales (and 1 more)"
    expect(words).to_have_text(told)
    expect(words).to_have_role("status")
    expect(search).to_be_focused()
    assert page.locator("body").get_attribute("data-attention") == told
    page.get_by_role("button", name="Dismiss watched call").click()
    expect(words).to_contain_text("Ines Duarte")
    server.do(lambda: server.world.change(replace(call_number(7), state="ended")))
    expect(page.locator("#alert")).to_be_hidden()


def test_monitor_in_the_notice_joins(page: Page, server: Served) -> None:
    enter(page)
    page.goto("/panel")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    begin(server, 1)
    server.world.monitoring.fail_with = RefusedError("The line is dead.", code="media_lost")
    monitor = page.locator("#alert").get_by_role("button", name="Monitor")
    monitor.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("The line is dead.")
    server.world.monitoring.fail_with = None
    page.keyboard.press("Enter")
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
    expect(page.locator("#alert")).to_be_hidden()
    server.do(lambda: server.world.monitoring.end(EndReason.HUNG_UP))
    begin(server, 7)
    expect(page.locator("#alert")).to_be_visible()
    server.world.monitoring.fail_with = RefusedError("It has ended.", code="call_ended")
    monitor.click()
    expect(page.locator("#notice")).to_contain_text("It has ended.")
    expect(page.locator("#alert")).to_be_hidden()


def test_the_notice_waits_while_the_pointer_is_where_it_would_be(
    page: Page, server: Served
) -> None:
    enter(page)
    page.mouse.move(120, 770)
    begin(server, 1)
    expect(page.locator("#alert")).to_have_css("visibility", "hidden")
    page.wait_for_timeout(700)
    expect(page.locator("#alert")).to_have_css("visibility", "hidden")
    page.mouse.move(900, 300)
    expect(page.locator("#alert-words")).to_contain_text("Ben Okafor")
    expect(page.locator("#alert")).to_have_css("visibility", "visible")


def test_names_are_text(page: Page, server: Served) -> None:
    enter(page)
    bad = "<img src=x onerror=document.body.dataset.bad=1>"
    server.do(
        lambda: server.world.change(replace(call_number(1), agents=(Agent(bad, bad),), queue=bad))
    )
    row = page.locator('tr[data-id="call-00001"]')
    expect(row).to_contain_text(bad)
    bells = row.locator(".bell")
    expect(bells).to_have_count(2)
    for bell in bells.all():
        bell.check(force=True)
    expect(page.locator(COUNT)).to_have_text("2")
    page.locator("#watching summary").click()
    expect(page.locator("#watching-list li").first).to_contain_text(bad)
    assert page.locator("body").get_attribute("data-bad") is None


REFUSED = 4


def test_bells_come_though_the_box_could_not_say_at_first_what_is_watched(
    browser: Browser, server: Served
) -> None:
    tries: list[Route] = []

    def asked(route: Route) -> None:
        tries.append(route)
        if len(tries) <= REFUSED:
            route.abort()
        else:
            route.continue_()

    with context(browser, server.url) as profile:
        page = profile.new_page()  # which may complain of the first
        page.route("**/api/v1/watches", asked)
        enter(page)
        menu = page.locator("#watching summary")
        for _ in range(3):  # each time that it is opened it asks, and each is refused
            menu.click()
            menu.click()
        expect(page.locator(".bell").first).to_be_attached()
        page.wait_for_timeout(500)
    assert len(tries) == REFUSED + 1


def test_the_focus_stays_in_the_row_when_the_list_is_drawn_anew(page: Page, server: Served) -> None:
    enter(page)
    row = page.locator('tr[data-id="call-00001"]')
    row.hover()
    row.get_by_label("Watch Ben Okafor").click()
    page.mouse.move(5, 5)
    with page.expect_response("**/interactions/list*"):
        server.do(lambda: server.world.change(replace(call_number(0), state="ended")))
    expect(row).to_be_focused()


def test_who_may_not_monitor_has_no_bells(browser: Browser, server: Served) -> None:
    accounts = server.world.accounts
    sees = frozenset({Permission.VIEW_ALL_MONITORED_CALLS})
    accounts.accounts["vic"] = Account("vic", "Reader", sees)
    accounts.passwords["vic"] = PASSWORD
    with context(browser, server.url) as profile:
        page = profile.new_page()
        sign_in(page, "vic")
        page.goto("/interactions")
        expect(page.locator("#list tbody tr").first).to_be_visible()
        expect(page.locator("html:not([data-early])")).to_be_attached()
        page.wait_for_timeout(500)
        expect(page.locator(".bell, [data-kind], #watching, #alert")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_menu_and_notice_fit_and_are_accessible(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    server.world.watches.all["sam"] = {one.key: one for one in (BEN, SUPPORT)}
    with visit(browser, server, size, scheme) as page:
        enter(page)
        page.locator("#watching summary").click()
        expect(page.locator("#watching-list li")).to_have_count(2)
        inspect(page, f"watching-{scheme}-{size}")
        page.keyboard.press("Escape")
        begin(server, 6)
        expect(page.locator("#alert-words")).to_contain_text("Ana")
        inspect(page, f"watched-call-{scheme}-{size}")
