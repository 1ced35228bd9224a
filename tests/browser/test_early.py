"""What is pressed before the page's scripts have come: done when they have, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import STREAMS, context, sign_in
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


@contextmanager
def made_otherwise(page: Page, old: str, new: str) -> Iterator[None]:
    """Each list that the box makes, with *new* in the place of *old* in what it knew then."""

    def asked(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        assert text.count(old) == 1
        route.fulfill(response=answer, body=text.replace(old, new))

    page.route("**/interactions", asked)
    yield
    page.unroute("**/interactions", asked)


def silenced(page: Page) -> None:
    """The event stream is asked for and never answers."""
    page.route("**/api/v1/events", lambda route: None)


CHIP = "#chip-box"
TONES = f"""
  window.tones = [];
  new MutationObserver(() => {{
    const tone = document.querySelector("{CHIP}")?.dataset.tone;
    if (tone && tone !== tones.at(-1)) tones.push(tone);
  }}).observe(document, {{ subtree: true, childList: true, attributeFilter: ["data-tone"] }});"""
BEGUN = "html:not([data-early])"


def came(asked_ms: int) -> str:
    """For `Page.add_init_script`: the page was asked for so long ago, and came just now."""
    timing = f"{{ requestStart: performance.now() - {asked_ms}, responseStart: performance.now() }}"
    return f"performance.getEntriesByType = () => [{timing}];"


def test_what_the_box_knew_when_it_made_the_page_is_shown_for_two_seconds(page: Page) -> None:
    sign_in(page)
    silenced(page)
    page.add_init_script(TONES + came(0))
    page.goto("/interactions")
    expect(page.locator(CHIP)).to_have_text("State unknown")
    assert page.evaluate("tones") == ["wait", "good", "bad"]


SLEPT = "const awake = Date.now; Date.now = () => awake() + 3_600_000;"


@pytest.mark.parametrize("long_ago", [came(1001), came(0) + SLEPT], ids=["slow", "slept"])
def test_what_it_knew_long_ago_is_not_known_to_be_true(page: Page, long_ago: str) -> None:
    sign_in(page)
    silenced(page)
    page.add_init_script(TONES + long_ago)
    page.goto("/interactions")
    expect(page.locator(BEGUN)).to_be_attached()
    page.wait_for_timeout(300)
    assert page.evaluate("tones") == ["wait"]


def test_moments_can_be_read_where_the_scripts_do_not_come(page: Page) -> None:
    sign_in(page)
    with without_scripts(page, "/history"):
        expect(page.locator("html[data-early]")).to_be_attached()
        expect(page.locator(BEGUN)).to_be_attached()


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
        page = profile.new_page()  # which may complain
        failed: list[str] = []
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.add_init_script(STREAMS + came(0))
        sign_in(page)
        with made_otherwise(page, '"device": {', '"device": null, "was": {'):
            page.goto("/interactions")
            expect(page.locator(CHIP)).to_have_attribute("data-tone", "good")
            expect(page.locator(BEGUN)).to_be_attached()
            expect(page.locator(".bell").first).to_be_attached()
        assert failed
        profile.set_offline(True)
        page.evaluate("streams.forEach((stream) => stream.close())")
        expect(page.locator(CHIP)).to_have_attribute("data-tone", "bad")


OLDER = ('"page": "v-', '"page": "v-0')
"""A page from before an update."""


def loads(page: Page) -> list[str]:
    """Grows with each time that the list is loaded."""
    found: list[str] = []
    page.on("request", lambda one: found.append(one.url) if one.is_navigation_request() else None)
    return found


def test_a_page_from_before_an_update_is_loaded_anew_once(page: Page) -> None:
    sign_in(page)
    loaded = loads(page)
    with made_otherwise(page, *OLDER):
        page.goto("/interactions")
        expect(page.get_by_text("The box has been updated. Load this page anew.")).to_be_visible()
        page.wait_for_timeout(500)
    assert len(loaded) == 2
    page.goto("/interactions")
    expect(page.locator(CHIP)).to_have_attribute("data-tone", "good")
    page.wait_for_timeout(500)
    assert len(loaded) == 3


def test_what_somebody_is_typing_stays(page: Page) -> None:
    sign_in(page)
    loaded = loads(page)
    with made_otherwise(page, *OLDER), without_scripts(page, "/interactions"):
        page.get_by_label("Search").fill("garc")
    expect(page.get_by_text("The box has been updated. Load this page anew.")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("garc")
    assert len(loaded) == 1
