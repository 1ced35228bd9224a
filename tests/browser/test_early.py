"""What is pressed before the page's scripts have come: done when they have, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Route, expect

from appliance.platforms.protocol import PlatformConnection
from tests.support.browser import context, sign_in
from tests.support.console_served import Served


@contextmanager
def without_scripts(page: Page, address: str) -> Iterator[None]:
    """The page as it came, its scripts still on their way until the end of the block."""
    held: list[Route] = []
    over = False

    def asked(route: Route) -> None:
        if over:
            route.continue_()
        else:
            held.append(route)

    page.route("**/js/page*", asked)
    page.goto(address, wait_until="commit")
    yield
    over = True
    for route in held[-1:]:  # those of a page that was left are gone
        route.continue_()


def test_a_button_of_a_settings_page_is_pressed_when_it_works(page: Page, server: Served) -> None:
    sign_in(page, "tom")
    with without_scripts(page, "/settings/certificate"):
        page.get_by_role("button", name="Make a request").click()
        page.wait_for_timeout(300)
        assert server.world.certificates.pending is None
    expect(page.get_by_text("The request is made.")).to_be_visible()


def test_what_was_typed_never_stands_in_the_address(page: Page, server: Served) -> None:
    sign_in(page, "tom")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with without_scripts(page, "/settings/certificate"):
        password = page.get_by_label("Password of the key")
        password.fill("sesame")
        password.press("Enter")
        page.wait_for_timeout(300)
    expect(page.get_by_text("There is no certificate in it.")).to_be_visible()
    assert not [url for url in asked if "sesame" in url]


def test_filters_that_need_no_scripts_do_not_wait_for_them(page: Page) -> None:
    sign_in(page, "admin")
    with without_scripts(page, "/audit"):
        page.get_by_label("Who").fill("sue")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/audit?*actor=sue*", wait_until="commit")


TOLD = "() => globalThis.early?.stream.told.length > 0"


def asked_for_events(page: Page) -> list[str]:
    """Grows with each stream that the page opens."""
    streams: list[str] = []
    page.on("request", lambda one: streams.append(one.url) if "/events" in one.url else None)
    return streams


def test_what_the_box_says_meanwhile_is_shown_and_asked_for_once(
    page: Page, server: Served
) -> None:
    sign_in(page)
    streams = asked_for_events(page)
    with without_scripts(page, "/interactions"):
        page.wait_for_function(TOLD)
        server.do(lambda: server.world.book.take(PlatformConnection(False, "It is away.")))
        page.wait_for_function("() => early.stream.told.some(({ data }) => data.includes('away.'))")
    expect(page.locator("#chip-box")).to_have_text("Platform not reachable")
    assert len(streams) == 1


def test_what_was_said_long_ago_is_not_known_to_be_true(page: Page, server: Served) -> None:
    sign_in(page)
    with without_scripts(page, "/interactions"):
        page.wait_for_function(TOLD)
        page.evaluate("early.stream.told.forEach((one) => { one.at -= 3000; one.date -= 3000; })")
        page.evaluate("early.stream.source.close()")
        page.evaluate("early.stream.source = new EventTarget()")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "bad")


def test_a_page_that_waits_for_its_scripts_without_end_keeps_no_more_than_it_may(
    page: Page,
) -> None:
    sign_in(page)
    streams = asked_for_events(page)
    with without_scripts(page, "/interactions"):
        page.wait_for_function(TOLD)
        page.evaluate(
            """() => {
              const beat = () => new MessageEvent("beat", { data: "{}" });
              for (let i = 0; i < 1001; i++) early.stream.source.dispatchEvent(beat());
            }"""
        )
        page.wait_for_function("() => early.stream.source.readyState === EventSource.CLOSED")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    assert len(streams) == 2


def test_an_old_press_on_the_boxs_drawing_is_not_done(page: Page, server: Served) -> None:
    """It may have been to mute what somebody else has muted since."""
    sign_in(page)
    with without_scripts(page, "/panel"):
        page.get_by_role("button", name="Microphone button").click()
    with page.expect_request("**/device/panel") as asked:
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Hang-up button").press("Enter")
    assert "hang_up" in (asked.value.post_data or "")


def test_one_listener_that_fails_leaves_the_others_and_the_watch(
    browser: Browser, server: Served
) -> None:
    with context(browser, server.url) as profile:
        page = profile.new_page()
        sign_in(page)
        with without_scripts(page, "/interactions"):
            page.wait_for_function(TOLD)
            page.evaluate("early.stream.told.unshift({ name: 'interaction', data: 'null' })")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        page.evaluate("early.stream.source.close()")
        profile.set_offline(True)
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "bad")


def test_a_page_from_before_an_update_is_loaded_anew(page: Page, server: Served) -> None:
    sign_in(page)
    with without_scripts(page, "/interactions"):
        page.wait_for_function(TOLD)
        page.evaluate("early.version = 'v-0'")
    page.wait_for_function("() => early.version !== 'v-0'")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.wait_for_timeout(500)
    assert page.evaluate("early.version") != "v-0"


def test_what_somebody_is_typing_stays(page: Page) -> None:
    sign_in(page)
    with without_scripts(page, "/interactions"):
        page.wait_for_function(TOLD)
        page.evaluate("early.version = 'v-0'")
        page.get_by_label("Search").fill("garc")
    expect(page.get_by_text("The box has been updated. Load this page anew.")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("garc")
