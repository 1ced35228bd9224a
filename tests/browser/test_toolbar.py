"""The toolbar follows the gate, whoever moved it, and never calls the unknown muted."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.policy import RefusedError
from tests.support.browser import context, sign_in
from tests.support.console_served import Served

HOLD_ANSWERS_BACK = """() => {
  const held = new Promise((resolve) => { window.letAnswersThrough = resolve; });
  const { fetch } = window;
  window.fetch = async (...request) => {
    const answer = await fetch(...request);
    await held;
    return answer;
  };
}"""


def monitor(page: Page, call: str = "call-00001") -> None:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.locator(f'tr[data-id="{call}"] button').click()
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


def test_join_barge_in_and_leave(page: Page) -> None:
    monitor(page)
    toolbar = page.get_by_role("region", name="Monitoring toolbar")
    place = toolbar.bounding_box()
    assert place is not None
    assert place["x"] < 40
    assert place["y"] + place["height"] > 740
    expect(page.locator("#tool-call")).to_have_text("Ben Okafor – Hiro Tanaka +49300000001")
    microphone = toolbar.get_by_role("button", name="Microphone")
    expect(microphone).to_have_attribute("aria-pressed", "false")
    expect(microphone.locator(".slash")).to_be_visible()
    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "true")
    expect(microphone).to_have_accessible_name("Microphone")
    expect(microphone.locator(".slash")).to_be_hidden()
    expect(page.get_by_role("status").first).to_be_attached()
    expect(page.locator("#tool-state")).to_have_text("Live – agent and customer hear you")
    microphone.click()
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
    toolbar.get_by_role("button", name="Leave call").click()
    expect(toolbar).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("You left the call.")


def test_coaching_reaches_the_agent_only(page: Page, server: Served) -> None:
    monitor(page)
    page.get_by_label("Agent only").check()
    page.get_by_role("button", name="Microphone").click()
    expect(page.locator("#tool-state")).to_have_text("Live – only the agent hears you")
    with page.expect_request("**/monitoring/microphone") as asked:
        page.get_by_label("Everyone").check()
    chosen = {"muted": False, "audience": "everyone", "only_live": True}
    wish = {**(asked.value.post_data_json or {})}
    assert wish.pop("session_id") == server.world.monitoring.view.session_id
    assert wish == chosen, "it would un-mute who was muted meanwhile"
    expect(page.locator("#tool-state")).to_have_text("Live – agent and customer hear you")
    server.do(lambda: server.world.monitoring.gate(True, Audience.AGENT))
    expect(page.get_by_label("Agent only")).to_be_checked()


def test_the_box_s_own_button_is_followed_at_once(page: Page, server: Served) -> None:
    monitor(page)
    microphone = page.get_by_role("button", name="Microphone")
    for muted in (False, True) * 5:
        server.do(lambda muted=muted: server.world.monitoring.gate(muted))  # type: ignore[misc]
        expect(microphone).to_have_attribute("aria-pressed", str(not muted).lower())
    server.do(lambda: server.world.monitoring.end(EndReason.CUSTOMER_ENDED))
    expect(page.locator("#notice")).to_contain_text("The customer ended the call.")
    page.get_by_role("link", name="Panel").click()
    expect(page.locator("#notice")).to_contain_text("The customer ended the call.")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#notice")).to_be_hidden()
    page.reload()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    expect(page.locator("#notice")).to_be_hidden()


def test_an_answer_that_comes_late_does_not_undo_what_happened_since(
    page: Page, server: Served
) -> None:
    monitor(page)
    microphone = page.get_by_role("button", name="Microphone")
    page.evaluate(HOLD_ANSWERS_BACK)
    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "true")
    server.do(lambda: server.world.monitoring.gate(muted=True))
    expect(microphone).to_have_attribute("aria-pressed", "false")
    page.evaluate("window.letAnswersThrough()")
    expect(microphone).not_to_have_attribute("aria-busy", "true")
    expect(microphone).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


def test_an_unknown_gate_is_never_called_muted(page: Page, server: Served) -> None:
    monitor(page)
    server.do(lambda: server.world.monitoring.lose_leg())
    state = page.locator("#tool-state")
    expect(state).to_have_text("State unknown – you may be heard")
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "mixed")
    expect(page.locator("#toolbar")).not_to_contain_text(re.compile("muted"))


def test_a_silent_box_is_shown_as_unknown(page: Page, server: Served) -> None:
    monitor(page)
    server.wedge(6)
    state = page.locator("#tool-state")
    expect(state).to_have_text("State unknown – you may be heard")
    expect(page.locator("#chip-box")).to_have_text("State unknown")
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "mixed")
    expect(state).to_have_text("Listening – you are muted")
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def test_the_microphone_button_mutes_what_is_unknown(page: Page, server: Served) -> None:
    monitor(page)
    server.do(lambda: server.world.monitoring.gate(False))
    expect(page.locator("#tool-state")).to_contain_text("Live")
    server.wedge(5)
    expect(page.locator("#tool-state")).to_contain_text("State unknown")
    page.get_by_role("button", name="Microphone").click()
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


def test_a_refusal_is_told_beside_the_button(page: Page, server: Served) -> None:
    monitor(page)
    server.do(lambda: setattr(server.world.platform, "capabilities", frozenset()))
    page.get_by_role("button", name="Microphone").click()
    expect(page.locator("#tool-why")).to_contain_text("no way to barge in")
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")


def test_a_refused_join_says_why(page: Page, server: Served) -> None:
    sign_in(page)
    row = page.locator('tr[data-id="call-00001"]')
    expect(row.get_by_role("button")).to_be_enabled()
    server.world.monitoring.fail_with = RefusedError("The line is dead.", code="media_lost")
    row.get_by_role("button").click()
    expect(page.locator("#notice")).to_contain_text("The line is dead.")
    expect(row.get_by_role("button", name="Monitor")).to_be_enabled()


def test_someone_elses_session_is_theirs(page: Page, server: Served, browser: Browser) -> None:
    monitor(page)
    with context(browser, server.url) as other:
        sue = other.new_page()
        sign_in(sue, "sue")
        expect(sue.locator("#tool-owner")).to_have_text(
            "sam is monitoring this call. You can mute or leave it, and then monitor yourself."
        )
        expect(sue.get_by_role("button", name="Microphone")).to_be_disabled()
        expect(sue.locator("#tool-why")).to_have_text("Only sam can speak in this session.")
        row = sue.locator('tr[data-id="call-00002"]')
        expect(row.get_by_role("button")).to_be_disabled()
        expect(row.locator(".why")).to_have_text("Box is busy")
        page.get_by_role("button", name="Microphone").click()
        silence = sue.get_by_role("button", name="Microphone")
        expect(silence).to_be_enabled()  # muting is everybody's
        silence.click()
        expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")


def test_levels_and_volume(page: Page, server: Served) -> None:
    monitor(page)
    server.do(lambda: server.world.monitoring.levels(-20.4, -100))
    call = page.get_by_role("meter", name="Call")
    expect(call).to_have_attribute("aria-valuenow", "-20")
    expect(page.get_by_role("meter", name="Microphone level")).to_have_attribute(
        "aria-valuetext", "silent"
    )
    volume = page.get_by_label("Volume")
    expect(volume).to_have_value("60")
    volume.fill("85")
    page.wait_for_timeout(600)
    assert server.world.monitoring.box.volume == 85
    server.do(lambda: server.world.monitoring.tell(server.world.monitoring.box))
    expect(volume).to_have_value("85")


def test_marks_of_monitoring_now_and_before(page: Page, server: Served) -> None:
    monitor(page)
    row = page.locator('tr[data-id="call-00001"]')
    expect(row.locator(".now")).to_have_text("1 monitoring now")
    expect(row.locator(".before")).to_be_hidden()
    expect(row).to_have_attribute("aria-current", "true")
    server.do(lambda: server.world.monitoring.end(EndReason.HUNG_UP))
    expect(row.locator(".before")).to_have_text("1 monitored before")
    expect(row.locator(".now")).to_be_hidden()
    page.get_by_role("tab", name="Monitored").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
