"""Sign-in at a real identity provider, Canaille, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from appliance.console.web_sessions import COOKIE
from appliance.platforms import trust
from tests.browser.looks import SIZES, inspect, visit
from tests.support.accounts_world import RealAccounts, real_accounts
from tests.support.browser import Scheme, context, sign_in
from tests.support.console_served import Served, served
from tests.support.identity_provider import (
    CLIENT,
    PASSWORD,
    SECRET,
    IdentityProvider,
    free_port,
    identity_provider,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RealAccounts]:
    with real_accounts(tmp_path, 30) as world:
        yield world


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(world: RealAccounts, port: int) -> Iterator[Served]:
    with served(world, port=port) as server:
        yield server


@pytest.fixture
def provider(tmp_path: Path, port: int) -> Iterator[IdentityProvider]:
    back = f"http://127.0.0.1:{port}/sign-in/openid/back"
    with identity_provider(tmp_path / "provider", back) as provider:
        trust.believe_too(provider.authority)
        yield provider
        trust.believe_too("")


@pytest.fixture
def page(browser: Browser, server: Served, provider: IdentityProvider) -> Iterator[Page]:
    with context(browser, server.url, trusting=True) as profile:
        page = profile.new_page()
        complaints: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            """The provider's own pages are its own affair."""
            ours = message.location["url"].startswith(server.url)
            if ours and message.type == "error" and "status of 4" not in message.text:
                complaints.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert complaints == []


def type_settings(page: Page, provider: IdentityProvider) -> None:
    sign_in(page, "admin")
    page.goto("/settings/sign-in")
    page.get_by_label("Label").fill("Canaille")
    page.get_by_label("Issuer").fill(provider.issuer)
    page.get_by_label("Client ID").fill(CLIENT)
    page.get_by_label("Client secret").fill(SECRET)
    page.get_by_role("button", name="Add an entry").click()
    page.locator(".row [data-part=group]").fill("leads")
    page.locator(".row [data-part=role]").select_option("Supervisor")


def set_up(page: Page, provider: IdentityProvider) -> None:
    type_settings(page, provider)
    page.get_by_label("Enabled").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#openid-saved")).to_have_text("Saved. The sign-in page offers it.")
    sign_out(page)


def sign_out(page: Page) -> None:
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def at_the_provider(page: Page, provider: IdentityProvider, name: str) -> None:
    """By the provider's own pages, as a person does."""
    page.goto("/sign-in")
    page.get_by_role("link", name="Sign in with Canaille").click()
    page.wait_for_url(f"{provider.issuer}/**")
    page.locator("[name=login]").fill(name)
    page.locator("[type=submit]").first.click()
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").first.click()
    page.locator("[name=answer][value=accept]").click()


def test_a_supervisor_signs_in_there_and_monitors_a_call(
    page: Page, server: Served, provider: IdentityProvider
) -> None:
    set_up(page, provider)
    at_the_provider(page, provider, "ada")
    page.wait_for_url(f"{server.url}/interactions")
    expect(page.locator(".menu-name")).to_have_text("ada")
    page.locator("[data-monitor]:enabled").first.click()
    toolbar = page.get_by_role("region", name="Monitoring toolbar")
    expect(toolbar).to_contain_text("Listening")
    assert server.do(lambda: server.world.monitoring.current().owner) == "ada"
    page.reload()  # the cookie is a strict one, and is there all the same
    expect(page.locator(".menu-name")).to_have_text("ada")
    cookies = {one["name"]: one for one in page.context.cookies(server.url)}
    assert cookies[COOKIE]["sameSite"] == "Strict"
    page.goto("/account")
    expect(page.get_by_role("heading", name="Sign-ins")).to_be_visible()
    expect(page.get_by_role("heading", name="Password")).to_have_count(0)
    inspect(page, "openid-account")


def test_who_has_lost_the_group_is_refused_with_the_reason(
    page: Page, server: Served, provider: IdentityProvider
) -> None:
    set_up(page, provider)
    at_the_provider(page, provider, "ada")
    page.wait_for_url(f"{server.url}/interactions")
    provider.put("ada", "agents")
    sign_out(page)
    page.get_by_role("link", name="Sign in with Canaille").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("none of your groups has a role on this box")
    inspect(page, "openid-refused")
    page.locator("[name=user]").fill("sam")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".menu-name")).to_have_text("sam")


def test_nobody_becomes_an_account_of_the_box(
    page: Page, server: Served, provider: IdentityProvider
) -> None:
    set_up(page, provider)
    at_the_provider(page, provider, "sam")
    expect(page.get_by_role("alert")).to_contain_text("Another account of this box is called sam")


def test_the_test_says_step_by_step_what_is_right_and_wrong(
    page: Page, provider: IdentityProvider
) -> None:
    type_settings(page, provider)
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#openid-result")).to_contain_text("can be used. Nothing is saved yet.")
    expect(page.locator("#openid-steps li")).to_have_count(6)
    page.get_by_label("Client secret").fill("wrong")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#openid-result")).to_have_text("The provider cannot be used yet.")
    expect(page.locator("#openid-steps li").last).to_contain_text("invalid_client")
    page.locator(".row [data-part=group]").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".cell .form-error").first).to_have_text("This is needed.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_how_it_looks(
    browser: Browser, server: Served, provider: IdentityProvider, size: str, scheme: Scheme
) -> None:
    with visit(browser, server, size, scheme) as page:
        type_settings(page, provider)
        page.get_by_label("Enabled").check()
        page.get_by_role("button", name="Test").click()
        expect(page.locator("#openid-steps li")).to_have_count(6)
        page.evaluate("scrollTo(0, 0)")
        inspect(page, f"openid-{size}-{scheme}", whole=True)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#openid-saved")).to_be_visible()
        sign_out(page)
        inspect(page, f"openid-door-{size}-{scheme}")
