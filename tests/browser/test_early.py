"""What is pressed before the page's scripts have come: done when they have, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Route, expect

from tests.support.browser import sign_in
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

    page.route("**/js/main.js", asked)
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
