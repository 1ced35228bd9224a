"""The pages of network, name and clock on the real services: changed, kept, undone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, arrive, context, sign_in
from tests.support.console_served import Served, served
from tests.support.console_world import make_world
from tests.support.private_box import PrivateBox


@pytest.fixture
def server(services: PrivateBox, tmp_path: Path) -> Iterator[Served]:
    services.run("nmcli --get-values uuid,name connection | sed -n 's/:Bargebox.*//p' | "
                 "xargs --no-run-if-empty nmcli connection delete")  # fmt: skip
    services.run("nm-online --quiet --timeout=30")
    with served(make_world(3, services.address, tmp_path)) as server:
        yield server


@pytest.fixture
def at(page: Page) -> Callable[[str], Page]:
    """A technician's browser, to be sent to a page."""
    sign_in(page, "tom")

    def go(path: str) -> Page:
        arrive(page, path)
        return page

    return go


def fill_static(page: Page, address: str = "10.99.0.7/24", gateway: str = "10.99.0.1") -> None:
    ipv4 = page.get_by_role("group", name="IPv4")
    ipv4.get_by_label("Method").select_option("Static")
    ipv4.get_by_label("Addresses").fill(address)
    ipv4.get_by_label("Gateway").fill(gateway)
    page.get_by_role("button", name="Use these settings").click()


def wrong(page: Page, name: str) -> str:
    return page.locator(f'[data-field="{name}"] > .form-error').inner_text()


def test_a_change_counts_down_and_is_kept(
    at: Callable[[str], Page], services: PrivateBox, server: Served
) -> None:
    page = at("/settings/network")
    expect(page.locator("[data-device=eth0] .device-state")).to_have_text(
        "Connected · 10000 Mbit/s"
    )
    fill_static(page)
    expect(page.get_by_role("heading", name="Keep this change?")).to_be_focused()
    expect(page.locator("#pending-left")).to_have_text(re.compile(r"^[1-5]\d s$"))
    port = server.url.rpartition(":")[2]
    expect(page.locator("#pending-addresses a").first).to_have_attribute(
        "href", f"http://10.99.0.7:{port}/settings/network"
    )
    expect(page.get_by_role("button", name="Keep it")).to_be_visible()
    page.wait_for_timeout(2500)
    assert services.addresses() == ["10.99.0.7/24"]
    page.reload()  # as somebody who comes from elsewhere
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#network-outcome")).to_have_text("The change is kept.")
    expect(page.locator("#network-pending")).to_be_hidden()
    expect(page.get_by_role("group", name="IPv4").get_by_label("Addresses")).to_have_value(
        "10.99.0.7/24"
    )
    assert [row.action for row in server.world.audit.rows[-2:]] == [
        "network_changed",
        "network_confirmed",
    ]


def test_a_change_is_undone_and_an_address_that_is_gone_is_told(
    at: Callable[[str], Page], services: PrivateBox
) -> None:
    page = at("/settings/network")
    fill_static(page)
    expect(page.locator("#pending-left")).to_have_text(re.compile(" s$"))
    page.route("**/api/v1/network", lambda route: route.fulfill(status=404))
    expect(page.locator("#pending-lost")).to_have_text("The box does not answer here any more.")
    page.unroute("**/api/v1/network")
    expect(page.locator("#pending-lost")).to_be_empty()
    undo = page.get_by_role("button", name="Undo it now")
    expect(page.locator("#network-outcome")).to_be_hidden()
    page.wait_for_timeout(2500)
    undo.press("Enter")
    expect(page.locator("#network-outcome")).to_have_text("The change was undone.")
    assert services.addresses() != ["10.99.0.7/24"]


def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    at: Callable[[str], Page],
) -> None:
    page = at("/settings/network")
    fill_static(page, "10.99.0.7/24\n10.99.0.0/24", "10.98.0.1")
    expect(page.locator("#network-form > [role=alert]")).to_contain_text("One field is not right")
    assert wrong(page, "ipv4.addresses").startswith("Entry 2: This address stands for the whole")
    fill_static(page, "10.99.0.7/24", "10.98.0.1")
    expect(page.get_by_label("Gateway").first).to_be_focused()
    assert wrong(page, "ipv4.gateway") == "The box would not reach it: it is not in 10.99.0.0/24."
    page.get_by_role("group", name="Sign-in at the switch").get_by_label("Method").select_option(
        "Password (PEAP with MSCHAPv2)"
    )
    fill_static(page)
    expect(page.get_by_label("Identity", exact=True)).to_be_focused()
    page.get_by_label("Identity", exact=True).fill("box-7")
    fill_static(page)
    expect(page.locator("#network-form > [role=alert]")).to_contain_text("2 fields")
    assert wrong(page, "access.password") == "This is needed."
    expect(page.get_by_label("Addresses").first).to_have_value("10.99.0.7/24")
    expect(page.locator("#network-pending")).to_be_hidden()


def test_whoever_is_not_signed_in_comes_back_to_the_page(browser: Browser, server: Served) -> None:
    with context(browser, server.url) as profile:
        page = profile.new_page()
        page.goto("/settings/network")
        expect(page).to_have_url(re.compile(r"/sign-in\?to="))
        page.get_by_label("User name").fill("tom")
        page.get_by_label("Password").fill("correct horse battery")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Network")).to_be_visible()


def test_the_box_is_renamed_and_answers_to_its_new_name(
    at: Callable[[str], Page], services: PrivateBox, server: Served
) -> None:
    page = at("/settings/box")
    form = page.get_by_role("form", name="Name")
    form.get_by_label("Name").fill("-desk")
    form.get_by_role("button", name="Rename the box").press("Enter")
    expect(form.get_by_text("no part begins or ends with a hyphen")).to_be_visible()
    form.get_by_label("Name").fill("Desk-7")
    form.get_by_label("Description").fill("Ada’s <b>desk</b>")
    form.get_by_role("button", name="Rename the box").press("Enter")
    expect(form.get_by_role("status")).to_have_text("Saved.")
    assert services.run("hostname") == "desk-7\n"
    answer = httpx.get(f"{server.url}/sign-in", headers={"Host": "desk-7.local"})
    assert answer.status_code == 200
    page.reload()
    expect(page.get_by_text("On this network the box is found as desk-7.local.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("Ada’s <b>desk</b>")


def test_the_clock_is_set(at: Callable[[str], Page], services: PrivateBox) -> None:
    page = at("/settings/box")
    form = page.get_by_role("form", name="Time")
    form.get_by_label("Time zone").select_option("Asia/Kathmandu")
    form.get_by_label("Servers").fill("ntp.example.org")
    form.get_by_role("button", name="Set the clock").click()
    expect(form.get_by_role("status")).to_have_text("Saved.")
    assert "Asia/Kathmandu" in services.run("readlink /etc/localtime")
    page.reload()
    expect(page.get_by_text("Time server: ntp.example.org.")).to_be_visible()
    form.get_by_label("NTP").uncheck()
    expect(form.get_by_label("Servers")).to_be_hidden()
    form.get_by_label("Time in that zone").fill("2001-01-01T00:00")
    form.get_by_role("button", name="Set the clock").click()
    expect(form.get_by_text("before the box was made")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_each_state(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    with visit(browser, server, size, scheme) as page:

        def look(name: str) -> None:
            inspect(page, f"system-{name}-{scheme}-{size}", whole=True)

        sign_in(page, "admin")
        page.goto("/settings/network")
        expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
        look("network")
        fill_static(page, "10.99.0.7")
        expect(page.locator("#network-form > [role=alert]")).not_to_be_empty()
        page.get_by_role("group", name="Sign-in").get_by_label("Method").select_option(
            "Certificate (EAP-TLS)"
        )
        look("network-wrong")
        page.reload()
        fill_static(page)
        expect(page.locator("#pending-left")).to_have_text(re.compile(" s$"))
        look("network-pending")
        page.get_by_role("button", name="Undo it now").click()
        expect(page.locator("#network-outcome")).to_be_visible()
        look("network-undone")
        page.goto("/settings/box")
        expect(page.locator("#clock")).to_contain_text(":")
        look("box")


@pytest.mark.parametrize("path", ["network", "box"])
def test_a_machine_without_the_services(browser: Browser, path: str) -> None:
    with served(make_world(3)) as server, visit(browser, server, "wide", "light") as page:
        sign_in(page, "admin")
        page.goto(f"/settings/{path}")
        expect(page.locator(".banner").first).to_contain_text("system bus")
        inspect(page, f"system-{path}-absent", whole=True)
