"""Restart and factory reset on the page: ordered, waited for, and nothing jumps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.provisioning.reset.marker import Marker
from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, arrive, sign_in
from tests.support.console_memory import PASSWORD
from tests.support.console_served import Served, served
from tests.support.console_world import make_world
from tests.support.private_box import LOGIND, SYSTEMD, PrivateBox, private_box


@pytest.fixture(scope="module")
def services() -> Iterator[PrivateBox]:
    with private_box("systemd", "logind") as box:
        yield box


@pytest.fixture
def server(services: PrivateBox, tmp_path: Path) -> Iterator[Served]:
    world = make_world(3, services.address, tmp_path)
    world.system.names.now = "desk-7"
    world.reset._marker = Marker(tmp_path)
    with served(world) as server:
        yield server


@pytest.fixture
def page(page: Page) -> Page:
    sign_in(page, "admin")
    arrive(page, "/settings/maintenance")
    return page


def test_the_page_waits_for_the_box_and_stays_where_it_is(
    page: Page, server: Served, services: PrivateBox
) -> None:
    before = services.asked(*LOGIND, "Reboot")
    page.get_by_role("button", name="Restart the box").click()
    status = page.locator("#restart [role=status]")
    expect(status).to_have_text(re.compile("^The box restarts"))
    page.wait_for_timeout(2500)
    expect(status).to_have_text(re.compile("^The box restarts"))  # it has not been away yet
    assert services.asked(*LOGIND, "Reboot") == before + 1
    server.world.system.restart._since = datetime.now(UTC)  # as the next life says
    expect(status).to_have_text("It is back.", timeout=5000)
    assert page.url.endswith("/settings/maintenance")


def test_only_the_services(page: Page, server: Served, services: PrivateBox) -> None:
    before = services.asked(*SYSTEMD, "RestartUnit")
    with page.expect_response("**/device/restart"):
        page.get_by_role("button", name="Restart the services").press("Enter")
    expect(page.locator("#restart [role=status]")).to_have_text("The services restart …")
    assert services.asked(*SYSTEMD, "RestartUnit") == before + 1


def test_in_a_call_it_says_whose(page: Page, server: Served) -> None:
    page.request.post(
        f"{server.url}/api/v1/interactions/call-00001/monitor", headers={"X-Bargebox": "1"}
    )
    expect(page.locator("#restart [data-busy]")).to_be_visible()
    page.get_by_role("button", name="Restart the box").click()
    expect(page.locator("#restart > [role=alert]")).to_contain_text("admin is monitoring a call")
    page.get_by_label("The name of this box").fill("desk-7")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Remove everything").click()
    expect(page.locator("#reset > [role=alert]")).to_contain_text("admin is monitoring a call")


def test_a_reset_takes_name_and_password_and_leaves_what_has_to_be_kept(
    page: Page, server: Served
) -> None:
    page.get_by_role("button", name="Remove everything").click()
    expect(page.locator("#reset-password-wrong")).to_have_text("Type your password.")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("The name of this box").fill("desk-8")
    page.get_by_role("button", name="Remove everything").click()
    expect(page.locator("#reset-name-wrong")).to_have_text("This box is called desk-7.")
    expect(page.get_by_label("The name of this box")).to_be_focused()
    assert server.world.renewed == 0
    page.get_by_label("The name of this box").fill("desk-7")
    page.get_by_role("button", name="Remove everything").click()
    expect(page.get_by_role("heading", name="The box begins anew")).to_be_focused()
    expect(page.locator("#reset-audit")).to_contain_text('{"audit_head":{"at":"')
    assert server.world.renewed == 1
    (last,) = server.do(lambda: [row.hash for row in server.world.audit.rows[-1:]])
    expect(page.locator("#reset-audit")).to_contain_text(last)
    expect(page.locator("#reset-state")).to_have_text("Everything is being removed …")
    sessions = server.app.state.console.sessions
    server.do(lambda: sessions.close_account("admin"))  # as the fresh box has it
    expect(page.locator("#reset-state")).to_have_text("Done. Everything is removed.")
    page.wait_for_timeout(1500)
    assert page.url.endswith("/settings/maintenance")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_it_looks_right(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    with visit(browser, server, size, scheme) as page:
        sign_in(page, "admin")
        arrive(page, "/settings/maintenance")
        inspect(page, f"maintenance-{scheme}-{size}", whole=True)
        page.get_by_label("The name of this box").fill("desk-7")
        page.get_by_role("button", name="Remove everything").click()
        expect(page.locator("#reset-password-wrong")).to_have_text("Type your password.")
        inspect(page, f"maintenance-refused-{scheme}-{size}", whole=True)
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Remove everything").click()
        expect(page.get_by_role("heading", name="The box begins anew")).to_be_focused()
        inspect(page, f"maintenance-reset-{scheme}-{size}", whole=True)
