"""The form of the call platform: filled, tested, saved; what is wrong is told at its field."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pydantic import SecretStr

from appliance.platforms.asterisk.settings import AgentEndpoint, AsteriskSettings
from appliance.platforms.protocol import Check, PlatformConnection
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.platform_file import PlatformFileError
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, sign_in
from tests.support.console_served import Served
from tests.support.console_world import TOKEN

SECRET = "hunter2-hunter2"
ASTERISK = PlatformSettings(
    driver="asterisk",
    asterisk=AsteriskSettings(
        url="https://pbx.example.org:8089",
        ws_url="wss://pbx.example.org:8089/ws",
        password=SecretStr(SECRET),
        agents=(AgentEndpoint(endpoint="agent-*"), AgentEndpoint(endpoint="ada", name="Ada")),
    ),
)


@pytest.fixture
def form(page: Page) -> Page:
    """The form, before a technician."""
    sign_in(page, "tom")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Call platform")).to_be_visible()
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    return page


def section(page: Page, name: str) -> Locator:
    return page.locator(f'[data-section="{name}"]')


def wrong(page: Page, name: str) -> Locator:
    return page.locator(f'[data-field="{name}"] > .form-error')


def save(page: Page) -> None:
    page.get_by_role("button", name="Save and use").click()


def test_a_platform_is_filled_in_tested_and_saved(form: Page, server: Served) -> None:
    choice = server.world.choice
    choice.other.checks = (Check("address", passed=True, detail="It answers."),)
    form.get_by_role("radio", name="Asterisk").check()
    asterisk = section(form, "asterisk")
    expect(asterisk).to_be_visible()
    expect(section(form, "sandbox")).to_be_hidden()
    asterisk.get_by_label("Address", exact=True).fill("https://pbx.example.org:8089")
    asterisk.get_by_label("Password", exact=True).fill(SECRET)
    asterisk.get_by_role("button", name="Add an entry").click()
    asterisk.get_by_label("Endpoint", exact=True).last.fill("agent-*")
    form.get_by_role("button", name="Test connection").click()
    expect(form.locator("#platform-result")).to_contain_text("can be used. Nothing is saved yet.")
    (tried,) = choice.made
    assert (tried.driver, tried.asterisk.password.get_secret_value()) == ("asterisk", SECRET)
    assert choice.lives == 1
    save(form)
    expect(form.get_by_text("Saved. The box uses Asterisk now.")).to_be_visible()
    expect(form.get_by_text("chosen on this page")).to_be_visible()
    kept = choice.file.kept
    assert kept == tried
    assert kept is not None
    assert kept.asterisk.agents == (AgentEndpoint(endpoint="agent-*"),)
    assert SECRET not in form.content()


def test_what_is_wrong_is_told_at_the_field_and_nothing_typed_is_lost(
    form: Page, server: Served
) -> None:
    sandbox = section(form, "sandbox")
    sandbox.get_by_label("Address").fill("http://centre.example.org")
    sandbox.get_by_label("Token", exact=True).fill(SECRET)
    sandbox.get_by_text("Times and limits").click()
    sandbox.get_by_label("Request timeout").fill("soon")
    sandbox.get_by_text("Times and limits").click()
    save(form)
    expect(wrong(form, "sandbox.url")).to_have_text("The address begins with ws:// or wss://.")
    expect(wrong(form, "sandbox.request_timeout")).to_contain_text("must be a number")
    expect(wrong(form, "sandbox.request_timeout")).to_be_visible()  # its details opened
    expect(form.get_by_role("alert").first).to_contain_text("2 fields are not right")
    expect(sandbox.get_by_label("Address")).to_be_focused()
    expect(sandbox.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    expect(sandbox.get_by_label("Address")).to_have_accessible_description(re.compile("begins"))
    expect(sandbox.get_by_label("Token", exact=True)).to_have_value(SECRET)
    expect(sandbox.get_by_label("Request timeout")).to_have_value("soon")
    sandbox.get_by_label("Address").fill("ws://centre.example.org")
    sandbox.get_by_label("Request timeout").fill("4")
    save(form)
    expect(form.get_by_text("Saved. The box uses Sandbox now.")).to_be_visible()
    kept = server.world.choice.file.kept
    assert kept is not None
    assert kept.sandbox.request_timeout == 4.0


def test_a_wrong_entry_of_a_list_is_told_in_its_row(form: Page) -> None:
    form.get_by_role("radio", name="Asterisk").check()
    asterisk = section(form, "asterisk")
    for _ in range(3):
        asterisk.get_by_role("button", name="Add an entry").click()
    rows = asterisk.locator(".row-list > .row")
    expect(rows.nth(2).get_by_label("Endpoint")).to_be_focused()
    rows.nth(0).get_by_label("Endpoint").fill("ada")
    rows.nth(2).get_by_label("Name").fill("Bob")  # the second is empty and does not count
    save(form)
    expect(rows.nth(2).locator(".cell .form-error").first).to_have_text("This is needed.")
    expect(rows.nth(2).get_by_label("Endpoint")).to_be_focused()
    rows.nth(1).get_by_role("button", name="Remove this entry").click()
    expect(rows).to_have_count(2)
    expect(rows.nth(1).get_by_label("Endpoint")).to_be_focused()


def test_a_secret_is_kept_replaced_or_removed_and_never_shown(form: Page, server: Served) -> None:
    file = server.world.choice.file
    token = section(form, "sandbox").get_by_label("Token", exact=True)
    expect(token).to_have_value("")
    expect(token).to_have_accessible_description(re.compile("Set. Leave it empty to keep it."))
    assert TOKEN not in form.content()
    section(form, "sandbox").get_by_label("Tenant").fill("other")
    save(form)
    expect(form.get_by_text("Saved. The box uses Sandbox now.")).to_be_visible()
    assert file.kept is not None
    assert (file.kept.sandbox.tenant, file.kept.sandbox.token.get_secret_value()) == (
        "other",
        TOKEN,
    )
    section(form, "sandbox").get_by_label("Address").fill("ws://elsewhere.example.org")
    save(form)
    expect(wrong(form, "sandbox.token")).to_contain_text("Give this again")
    form.reload()
    section(form, "sandbox").get_by_label("Remove it: Token").check()
    save(form)
    expect(section(form, "sandbox").get_by_text("Not set.")).to_be_visible()
    assert file.kept.sandbox.token.get_secret_value() == ""


def test_saving_waits_for_the_end_of_a_call(form: Page, server: Served) -> None:
    monitoring, accounts = server.world.monitoring, server.world.accounts.accounts
    expect(form.locator("#platform-busy")).to_be_hidden()

    def join() -> None:
        coroutine = monitoring.monitor(accounts["sam"], "call-00001")
        with pytest.raises(StopIteration):
            coroutine.send(None)

    server.do(join)
    expect(form.locator("#platform-busy")).to_be_visible()
    section(form, "sandbox").get_by_label("Tenant").fill("other")
    save(form)
    expect(form.get_by_role("alert").first).to_have_text("sam is monitoring a call.")
    expect(section(form, "sandbox").get_by_label("Tenant")).to_have_value("other")
    assert server.world.choice.file.kept is None


def test_going_back_to_the_settings_file_asks_first(form: Page, server: Served) -> None:
    expect(form.get_by_role("button", name="Use the settings file")).to_have_count(0)
    section(form, "sandbox").get_by_label("Tenant").fill("other")
    save(form)
    back = form.get_by_role("button", name="Use the settings file")
    expect(back).to_be_visible()
    form.wait_for_load_state()  # it is a new page, and its script comes last
    back.click()
    form.get_by_role("button", name="Keep it").click()
    assert server.world.choice.lives == 2
    back.press("Enter")
    form.get_by_role("button", name="Delete and use the file").press("Enter")
    expect(form.get_by_text("as the box’s settings file says")).to_be_visible()
    assert server.world.choice.file.kept is None


def test_the_test_s_steps_are_words_and_never_markup(form: Page) -> None:
    button = form.get_by_role("button", name="Test connection")
    button.press("Enter")
    expect(form.locator("#platform-result")).to_have_text("The call platform cannot be used yet.")
    steps = form.locator("#platform-steps li")
    expect(steps).to_have_count(2)
    expect(steps.nth(0)).to_contain_text("Address: passed")
    expect(steps.nth(1)).to_contain_text("Sign-in: failed")
    expect(steps.nth(1)).to_contain_text("Ask <b>IT</b> for it.")
    expect(button).to_be_focused()


def test_a_platform_that_does_not_answer_is_told_and_the_form_stays(
    form: Page, server: Served
) -> None:
    server.do(lambda: server.world.book.take(PlatformConnection(False, "<i>Nobody</i> answers.")))
    expect(form.locator("#platform-lost")).to_have_text("<i>Nobody</i> answers.")
    form.reload()
    expect(form.locator("#platform-lost")).to_have_text("<i>Nobody</i> answers.")
    expect(form.get_by_role("button", name="Save and use")).to_be_visible()
    server.do(lambda: server.world.book.take(PlatformConnection(True)))
    expect(form.locator("#platform-lost")).to_be_hidden()


def test_the_keyboard_alone_is_enough(form: Page, server: Served) -> None:
    form.get_by_role("radio", name="Sandbox").focus()
    form.keyboard.press("ArrowDown")
    form.keyboard.press("ArrowDown")
    expect(section(form, "janus")).to_be_visible()
    form.keyboard.press("Tab")
    expect(section(form, "janus").get_by_label("Address")).to_be_focused()
    form.keyboard.press("ControlOrMeta+a")
    form.keyboard.type("wss://janus.example.org")
    form.keyboard.press("Enter")
    expect(form.get_by_text("Saved. The box uses Janus now.")).to_be_visible()


def test_supervisors_have_no_way_to_it(page: Page) -> None:
    sign_in(page)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.goto("/settings/platform")
    expect(page.get_by_text("You need the permission MANAGE_DEVICE.")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_the_form_in_each_state(
    browser: Browser, server: Served, scheme: Scheme, size: str
) -> None:
    with visit(browser, server, size, scheme) as page:

        def look(name: str) -> None:
            inspect(page, f"platform-{name}-{scheme}-{size}", whole=True)

        sign_in(page, "admin")
        page.goto("/settings/platform")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        look("sandbox")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#platform-steps li")).to_have_count(2)
        look("tested")
        page.get_by_role("radio", name="CxEngage").check()
        section(page, "cxengage").get_by_text("Times and limits").click()
        look("cxengage")
        server.world.choice.file.kept = ASTERISK
        server.do(lambda: server.world.choice._renewed())
        page.goto("/settings/platform?saved=true")
        expect(page.get_by_text("Saved. The box uses Asterisk now.")).to_be_visible()
        look("asterisk")
        section(page, "asterisk").get_by_label("Address", exact=True).fill("pbx")
        section(page, "asterisk").locator(".row").first.get_by_label("Endpoint").fill("x" * 81)
        save(page)
        expect(wrong(page, "asterisk.url")).to_be_visible()
        expect(page.locator("#platform-saved")).to_be_hidden()
        look("wrong")
        page.get_by_role("button", name="Use the settings file").click()
        look("sure")
        page.keyboard.press("Escape")
        words = "What was saved here (/var/lib/bargebox/platform.json) is not right: no JSON."
        server.world.choice.file.fault = PlatformFileError(words)
        server.do(lambda: server.world.choice._renewed())
        server.do(lambda: server.world.book.take(PlatformConnection(False, "Nobody answers.")))
        page.goto("/settings/platform")
        expect(page.get_by_text(words)).to_be_visible()
        look("fault")
