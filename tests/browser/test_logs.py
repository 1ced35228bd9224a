"""The log server on the page: tried out, saved, and what is wrong told in place."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, arrive, sign_in
from tests.support.console_served import Served
from tests.support.log_server import free_port


@dataclass
class Listening:
    """A TCP port that takes connections and says nothing."""

    socket: socket.socket

    @property
    def port(self) -> str:
        return str(self.socket.getsockname()[1])


@pytest.fixture
def listening() -> Iterator[Listening]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield Listening(found)


def go(page: Page, who: str = "tom") -> None:
    sign_in(page, who)
    arrive(page, "/settings/logs")


def choose(page: Page, transport: str, port: str) -> None:
    page.get_by_label("Send by").select_option(transport)
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Port", exact=True).fill(port)


def test_it_is_tried_out_and_saved(page: Page, server: Served, listening: Listening) -> None:
    go(page)
    expect(page.get_by_label("Server", exact=True)).to_be_hidden()
    choose(page, "tcp", listening.port)
    page.get_by_role("button", name="Send a test line").click()
    status = page.locator("#logs [role=status]")
    expect(status).to_have_text(re.compile("^The server took it. Look for .Bargebox test line"))
    assert server.world.logs.settings.transport == "off"
    page.get_by_role("button", name="Save and use").press("Enter")
    expect(status).to_have_text("Saved. It is used from now on.")
    assert server.world.logs.settings.server == "127.0.0.1"
    page.reload()
    expect(page.get_by_label("Port", exact=True)).to_have_value(listening.port)
    page.get_by_label("Send by").select_option("off")
    page.get_by_role("button", name="Save and use").click()
    expect(status).to_have_text("Saved. Nothing is sent.")


def test_what_is_wrong_is_told_and_nothing_typed_is_lost(page: Page, server: Served) -> None:
    go(page)
    choose(page, "tcp", str(free_port()))
    page.get_by_role("button", name="Send a test line").click()
    expect(page.locator("#logs > [role=alert]")).to_contain_text("refused")
    page.get_by_label("Server", exact=True).fill("no host")
    page.get_by_role("button", name="Save and use").click()
    expect(page.locator('[data-field="server"] > .form-error')).to_contain_text("no domain name")
    expect(page.get_by_label("Server", exact=True)).to_be_focused()
    expect(page.get_by_label("Server", exact=True)).to_have_value("no host")
    assert server.world.logs.settings.transport == "off"


def test_a_server_that_is_away_is_told(page: Page, server: Served) -> None:
    go(page)
    choose(page, "tcp", str(free_port()))
    page.get_by_role("button", name="Save and use").click()
    expect(page.locator("#logs [role=status]")).to_have_text("Saved. It is used from now on.")
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator(".banner")).to_contain_text(
        "Nothing is sent now. The log server 127.0.0.1, TCP"
    )
    page.get_by_label("Send by").select_option("off")
    page.get_by_role("button", name="Save and use").click()
    expect(page.locator("#logs [role=status]")).to_have_text("Saved. Nothing is sent.")


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_damaged_settings_are_told_until_they_are_saved_anew(
    browser: Browser, server: Served, scheme: Scheme, size: str, locale: str
) -> None:
    logs = server.world.logs
    file = logs._file._path
    file.write_text("{")
    asyncio.run_coroutine_threadsafe(logs.begin(), server.loop).result(10)
    told = {"en-GB": "on the page “Log server”.", "de-DE": "auf der Seite „Log-Server“ neu."}
    with visit(browser, server, size, scheme, locale) as page:
        go(page)
        expect(page.locator(".banner")).to_contain_text(told[locale])
        inspect(page, f"logs-damaged-{locale[:2]}-{scheme}-{size}")
        assert file.read_text() == "{"
        with page.expect_response("**/api/v1/logs"):
            page.locator("#logs .primary").click()
        page.reload()
        expect(page.locator("#logs .primary")).to_be_visible()
        expect(page.locator(".banner")).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_it_looks_right(browser: Browser, server: Served, scheme: Scheme, size: str) -> None:
    with visit(browser, server, size, scheme) as page:
        go(page)
        inspect(page, f"logs-off-{scheme}-{size}")
        choose(page, "tls", "6514")
        inspect(page, f"logs-{scheme}-{size}", whole=True)


def test_findings_and_faults_are_told_in_german(browser: Browser, server: Served) -> None:
    with visit(browser, server, "phone", "light", "de-DE") as page:
        go(page)
        inspect(page, "logs-german-phone", whole=True)
        page.locator('[data-field="transport"] select').select_option("tcp")
        page.locator('[data-field="server"] input').fill("no host")
        page.locator("#logs .primary").click()
        expect(page.locator('[data-field="server"] > .form-error')).to_contain_text(
            "Das ist kein Domänenname"
        )
        page.goto("/settings/maintenance")
        inspect(page, "maintenance-german-phone", whole=True)
