"""The panel view: lamps follow, the virtual board's buttons are pressed and released."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import Button, LampPattern
from tests.support.browser import context, sign_in
from tests.support.console_served import Served

PRESS = [(Button.MICROPHONE, True), (Button.MICROPHONE, False)]


def wait_for_presses(page: Page, server: Served, count: int) -> list[tuple[Button, bool]]:
    for _ in range(200):
        if len(server.world.panel.presses) >= count:
            break
        page.wait_for_timeout(50)
    return server.world.panel.presses


@pytest.fixture
def panel(page: Page) -> Page:
    sign_in(page)
    page.goto("/panel")
    expect(page.locator("#box")).to_have_attribute("data-known", "yes")
    return page


def test_a_press_of_the_mouse_goes_down_and_up(panel: Page, server: Served) -> None:
    button = panel.get_by_role("button", name="Microphone button")
    button.hover()
    panel.mouse.down()
    assert wait_for_presses(panel, server, 1) == PRESS[:1]
    panel.mouse.move(900, 600)  # a finger that slides off still holds, and lets go once
    panel.mouse.up()
    assert wait_for_presses(panel, server, 2) == PRESS
    panel.wait_for_timeout(200)
    assert server.world.panel.presses == PRESS


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_the_keyboard_presses_too(panel: Page, server: Served, key: str) -> None:
    panel.get_by_role("button", name="Microphone button").focus()
    panel.keyboard.down(key)
    panel.keyboard.down(key)  # the key repeats
    assert wait_for_presses(panel, server, 1) == PRESS[:1]
    panel.keyboard.up(key)
    assert wait_for_presses(panel, server, 2) == PRESS
    panel.wait_for_timeout(200)
    assert server.world.panel.presses == PRESS


def test_a_screen_readers_click_is_a_short_press(panel: Page, server: Served) -> None:
    panel.get_by_role("button", name="Hang-up button").evaluate("button => button.click()")
    presses = wait_for_presses(panel, server, 2)
    assert presses == [(Button.HANG_UP, True), (Button.HANG_UP, False)]


def test_losing_the_focus_lets_go(panel: Page, server: Served) -> None:
    button = panel.get_by_role("button", name="Microphone button")
    button.focus()
    panel.keyboard.down("Space")
    wait_for_presses(panel, server, 1)
    button.evaluate("button => button.blur()")
    assert wait_for_presses(panel, server, 2) == PRESS
    panel.keyboard.up("Space")


def test_lamps_are_told_in_words(panel: Page, server: Served) -> None:
    words = panel.locator("#words-microphone")
    expect(words).to_have_text("off")
    for pattern, text in (
        (LampPattern.SLOW_BREATHE, "breathing slowly"),
        (LampPattern.ON, "steady on"),
        (LampPattern.SHORT_BLINK, "blinking shortly"),
    ):
        server.do(lambda pattern=pattern: server.world.monitoring.lamp(pattern))  # type: ignore[misc]
        expect(words).to_have_text(text)
        expect(panel.locator("#lamp-microphone")).to_have_attribute("data-lamp", pattern)
    expect(panel.locator("#words-headset")).to_have_text("Jabra Evolve2 40")
    expect(panel.locator("#words-capture")).to_have_text("stopped")


def test_lamps_blink_only_where_motion_is_welcome(server: Served, browser: Browser) -> None:
    with context(browser, server.url) as profile:
        page = profile.new_page()
        sign_in(page)
        page.goto("/panel")
        server.do(lambda: server.world.monitoring.lamp(LampPattern.SHORT_BLINK))
        lamp = page.locator("#lamp-microphone")
        expect(lamp).to_have_attribute("data-lamp", "short_blink")
        moving = "lamp => getComputedStyle(lamp, '::after').animationName"
        assert lamp.evaluate(moving) == "none"
        page.emulate_media(reduced_motion="no-preference")
        assert lamp.evaluate(moving) == "short-blink"


def test_lamps_of_a_silent_box_are_unknown(panel: Page, server: Served) -> None:
    server.wedge(5)
    expect(panel.locator("#words-status")).to_have_text("unknown")
    expect(panel.locator("#box")).to_have_attribute("data-known", "no")
    expect(panel.locator("#words-status")).to_have_text("steady on")
