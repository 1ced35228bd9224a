"""Who looks elsewhere: title and notification; and a laptop that slept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import EndReason
from tests.support.browser import STREAMS, context, sign_in, watch
from tests.support.console_served import Served

NOTE = """
  window.notes = [];
  window.Notification = class extends Notification {
    constructor(head, options) { super(head, options); notes.push([head, options.body]); }
  };"""
ELSEWHERE = "document.hasFocus = () => false"
BACK = "document.hasFocus = () => true; dispatchEvent(new Event('focus'))"
TITLE = "Interaction Monitoring – Bargebox"
NOTIFY = "Notify me on this desktop"


def start(page: Page) -> None:
    page.add_init_script(STREAMS)
    page.add_init_script(NOTE)
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def join(page: Page) -> None:
    page.locator('tr[data-id="call-00001"] button').click()
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


def test_the_title_follows_the_microphone(page: Page, server: Served) -> None:
    monitoring = server.world.monitoring
    start(page)
    join(page)
    expect(page).to_have_title(TITLE)
    server.do(lambda: monitoring.gate(muted=False))
    expect(page).to_have_title(f"● Live – {TITLE}")
    server.do(lambda: monitoring.gate(muted=True))
    expect(page).to_have_title(TITLE)
    server.do(monitoring.lose_leg)
    expect(page).to_have_title(f"? State unknown – {TITLE}")
    server.do(lambda: monitoring.gate(muted=True))
    page.evaluate(ELSEWHERE)
    server.do(lambda: monitoring.end(EndReason.AGENT_ENDED))
    expect(page).to_have_title(f"■ Ended – {TITLE}")
    page.evaluate(BACK)
    expect(page).to_have_title(TITLE)


def test_the_desktop_is_told_where_somebody_asked_for_it(browser: Browser, server: Served) -> None:
    monitoring = server.world.monitoring
    with context(browser, server.url) as profile:
        profile.grant_permissions(["notifications"])
        page = profile.new_page()
        complaints = watch(page)
        start(page)
        join(page)
        page.evaluate(ELSEWHERE)
        server.do(lambda: monitoring.gate(muted=False))
        expect(page).to_have_title(f"● Live – {TITLE}")
        assert page.evaluate("notes") == []  # nobody asked
        server.do(lambda: monitoring.gate(muted=True))
        expect(page).to_have_title(TITLE)

        page.locator("details.menu summary").click()
        page.get_by_role("button", name=NOTIFY).click()
        expect(page.get_by_role("button", name="Switch notifications off")).to_be_visible()
        server.do(lambda: monitoring.gate(muted=False))
        expect(page).to_have_title(f"● Live – {TITLE}")
        assert page.evaluate("notes") == [["Live", "You can be heard."]]
        server.do(lambda: monitoring.end(EndReason.CUSTOMER_ENDED))
        page.wait_for_function("notes.length > 1")
        assert page.evaluate("notes")[1:] == [
            ["Monitoring has ended", "The customer ended the call."]
        ]
        page.evaluate(BACK)
        join(page)
        server.do(lambda: monitoring.gate(muted=False))
        expect(page).to_have_title(f"● Live – {TITLE}")
        assert len(page.evaluate("notes")) == 2  # who looks at the page sees it there
        page.locator("details.menu summary").click()
        page.get_by_role("button", name="Switch notifications off").click()
        expect(page.get_by_role("button", name=NOTIFY)).to_be_visible()
        assert complaints == []


def test_a_browser_that_does_not_allow_it_says_so(page: Page) -> None:
    start(page)
    page.locator("details.menu summary").click()
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    page.get_by_role("button", name=NOTIFY).click()
    expect(page.locator("#notice-words")).to_contain_text("This browser does not let the page")
    expect(page.get_by_role("button", name=NOTIFY)).to_be_visible()


@pytest.mark.parametrize(
    "waking",
    [
        "dispatchEvent(new Event('online'))",
        "document.dispatchEvent(new Event('visibilitychange'))",
        "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))",
    ],
)
def test_a_stream_that_died_in_sleep_is_opened_at_once(page: Page, waking: str) -> None:
    start(page)
    join(page)
    streams = page.evaluate(f"() => {{ streams.at(-1).close(); {waking}; return streams.length }}")
    assert streams == 2
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
    page.wait_for_function("streams.at(-1).readyState === EventSource.OPEN")
    assert page.evaluate(f"() => {{ {waking}; return streams.length }}") == 2  # it lives


def test_after_a_sleep_the_state_is_unknown_until_the_box_says_it(page: Page) -> None:
    """The wall clock has gone on while the page's own clock stood still."""
    start(page)
    join(page)
    shown = page.evaluate("""async () => {
      const true_now = Date.now;
      streams.at(-1).close();
      Date.now = () => true_now() + 3_600_000;
      await new Promise((done) => setTimeout(done, 350));
      const state = document.getElementById("tool-state").textContent;
      Date.now = true_now;
      document.dispatchEvent(new Event("visibilitychange"));
      return state;
    }""")
    assert shown == "State unknown – you may be heard"
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
