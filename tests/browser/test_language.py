"""The page in German: chosen by the browser or in the menu, in every state and for every ear."""

from __future__ import annotations

from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.console.menu import MENU
from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import EndReason
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.console_served import Served
from tests.texts.collect import read

SPOKEN = """() => [...document.querySelectorAll("body *")].flatMap((element) => [
  ...["aria-label", "aria-valuetext", "title", "placeholder"]
    .map((name) => element.getAttribute(name)),
  ...(["SCRIPT", "TEMPLATE"].includes(element.tagName) ? [] : [...element.childNodes])
    .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim())
]).filter(Boolean)"""


def enter(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("Benutzername").fill("admin")
    page.get_by_label("Passwort").fill("correct horse battery")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def english(page: Page) -> set[str]:
    """What is shown and has a German word that is not shown."""
    texts = {message.id: message.string for message in read("de") if isinstance(message.id, str)}
    found: set[str] = set(page.evaluate(SPOKEN))
    return found & (texts.keys() - set(texts.values()))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_each_state_in_german(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    monitoring = server.world.monitoring
    with visit(browser, server, size, scheme, locale="de-DE") as page:

        def look(name: str) -> None:
            assert page.locator("html").get_attribute("lang") == "de"
            assert not english(page)
            inspect(page, f"de-{name}-{scheme}-{size}")

        page.goto("/sign-in")
        look("sign-in")
        page.get_by_label("Benutzername").fill("admin")
        page.get_by_label("Passwort").fill("wrong")
        page.get_by_role("button", name="Anmelden").click()
        expect(page.locator(".form-error").first).to_have_text(
            "Der Name oder das Passwort stimmt nicht."
        )
        enter(page)
        look("list")
        page.locator("details.menu summary").click()
        look("menu")
        page.goto("/interactions")
        page.locator('tr[data-id="call-00001"] button').click()
        expect(page.locator("#tool-state")).to_have_text("Mithören – Sie sind stumm")
        server.do(lambda: monitoring.levels(-18, -100))
        server.do(lambda: monitoring.quality(4.31))
        expect(page.locator("#quality-mos")).to_have_text("4,3")
        look("listening")
        page.locator("#tool-microphone").click()
        expect(page.locator("#tool-state")).to_have_text("Live – Agent und Kunde hören Sie")
        look("live")
        monitoring.sound = SessionQuality(mos=4.13, mos_worst=1.8, lost_percent=1.2)
        server.do(lambda: monitoring.end(EndReason.CUSTOMER_ENDED))
        expect(page.locator("#notice")).to_contain_text("Der Kunde hat das Gespräch beendet.")
        page.goto("/interactions?show=all")
        expect(page.locator("#list .sound:visible")).to_have_text("MOS 4,1 1,2 % verloren")
        look("ended")


def test_each_page_in_german(browser: Browser, server: Served) -> None:
    with visit(browser, server, "phone", "light", locale="de-DE") as page:
        enter(page)
        shown = [item.path for item in MENU if page.request.get(item.path).ok]
        assert {"/interactions", "/panel", "/settings/platform"} <= set(shown)
        for path in shown:
            page.goto(path)
            if page.locator("#chip-box").count():
                expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            assert not english(page), path
            inspect(page, f"de{path.replace('/', '-')}-phone", whole=True)


def test_a_change_keeps_a_row_german(browser: Browser, server: Served) -> None:
    with visit(browser, server, "wide", "light", locale="de-DE") as page:
        enter(page)
        monitoring = server.world.monitoring
        page.locator('tr[data-id="call-00001"] button').click()
        expect(page.locator("#toolbar")).to_be_visible()
        monitoring.sound = SessionQuality(mos=4.13, mos_worst=1.8, lost_percent=1.2)
        page.locator('tr[data-id="call-00001"]').hover()  # so that it is patched and not drawn anew
        server.do(lambda: monitoring.end(EndReason.CALL_ENDED))
        row = page.locator('tr[data-id="call-00001"]')
        expect(row.locator(".sound")).to_have_text("MOS 4,1 1,2 % verloren")
        expect(row.locator(".before")).to_have_attribute("title", "Haben schon mitgehört: admin")
        assert not english(page)


def test_the_language_is_chosen_in_the_menu(page: Page) -> None:
    sign_in(page)
    page.locator("details.menu summary").click()
    choice = page.get_by_role("button", name="Deutsch")
    assert choice.get_attribute("lang") == "de"
    choice.click()
    expect(page.get_by_role("heading", name="Interaktionen mithören")).to_be_visible()
    page.goto("/panel")
    expect(page.get_by_role("heading", name="Bedienfeld")).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Panel")).to_be_visible()
