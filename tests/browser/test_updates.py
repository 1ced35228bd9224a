"""The page of updates at the real RAUC: uploaded, looked at, installed, told as it goes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, inspect, visit
from tests.support.browser import Scheme, arrive, sign_in
from tests.support.console_served import Served, served
from tests.support.console_world import make_world
from tests.support.rauc_box import RaucBox, rauc_box
from tests.support.updates_world import served_updates


@pytest.fixture
def box() -> Iterator[RaucBox]:
    with rauc_box() as box:
        yield box


@pytest.fixture
def server(box: RaucBox, tmp_path: Path) -> Iterator[Served]:
    with served_updates(box, tmp_path) as server:
        yield server


@pytest.fixture
def page(page: Page) -> Page:
    sign_in(page, "tom")
    arrive(page, "/settings/updates")
    return page


def upload(page: Page, bundle: Path) -> None:
    page.get_by_label("File", exact=True).set_input_files(bundle)
    page.get_by_role("button", name="Upload").click()


def test_an_update_is_uploaded_looked_at_and_installed(
    page: Page, box: RaucBox, server: Served
) -> None:
    upload(page, box.bundle(name="desk.raucb"))
    expect(page.get_by_role("heading", name="Update to 2.0.0")).to_be_visible()
    expect(page.get_by_text("desk.raucb")).to_be_visible()
    box.hold()
    with page.expect_navigation():  # which the page does by itself when it has begun
        page.get_by_role("button", name="Install").press("Enter")
    going = page.locator("#update-going")
    expect(going.get_by_role("heading")).to_have_text("An update is being installed: 2.0.0")
    expect(going.get_by_role("status")).to_have_text("Checking the update …")
    page.reload()  # it goes on, and whoever comes back sees it
    expect(going.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#update-upload")).to_have_count(0)
    box.let_go()
    expect(page.get_by_role("heading", name="2.0.0 starts next")).to_be_visible()
    expect(going).to_be_hidden()
    assert box.boot("primary") == "B"
    assert [row.action for row in server.world.audit.rows[-3:]] == [
        "update_chosen",
        "update_begun",
        "update_installed",
    ]
    page.get_by_role("button", name="Start this one next").press("Enter")
    expect(page.get_by_text("This is what the box starts next time.")).to_be_visible()
    assert box.boot("primary") == "A"


def test_the_page_comes_back_with_the_box(page: Page, box: RaucBox) -> None:
    box.stand_in_logind()
    upload(page, box.bundle())
    page.get_by_role("button", name="Install").click()
    form = page.get_by_role("form", name="2.0.0 starts next")
    form.get_by_role("button", name="Restart the box").press("Enter")
    expect(form.get_by_role("status")).to_have_text(
        "The box restarts. This page comes back by itself."
    )
    assert len(box.restarts()) == 1
    page.evaluate("document.body.dataset.old = 'yes'")
    with page.expect_response("**/healthz"):
        page.route("**/healthz", lambda route: route.fulfill(status=404))
    page.unroute("**/healthz")
    expect(page.locator("body[data-old]")).to_have_count(0)
    expect(page.get_by_role("heading", name="2.0.0 starts next")).to_be_visible()


def test_what_is_refused_is_told_at_the_form(page: Page, box: RaucBox, tmp_path: Path) -> None:
    form = page.locator("#update-upload")
    form.get_by_role("button", name="Upload").click()
    expect(form.get_by_text("Choose a file first.")).to_be_visible()
    for bundle, words in (
        (box.bundle(signer="stranger"), "not signed by anybody whom this box takes updates from"),
        (box.bundle(compatible="other"), "for another kind of box (other)"),
    ):
        upload(page, bundle)
        expect(form.get_by_role("alert")).to_contain_text(words)
    cut = tmp_path / "cut.raucb"
    cut.write_bytes(box.bundle().read_bytes()[:-5000])
    upload(page, cut)
    expect(form.get_by_role("alert")).to_contain_text("not complete")
    address = page.get_by_label("Address")
    address.fill("http://updates.example.org/a.raucb")
    address.press("Enter")
    expect(page.get_by_text("Give an address that begins with https")).to_be_visible()
    expect(address).to_be_focused()


def test_an_older_one_from_a_stick_needs_a_yes(page: Page, box: RaucBox, tmp_path: Path) -> None:
    stick = tmp_path / "sticks/usb0"
    stick.mkdir(parents=True)
    shutil.copy(box.bundle("0.0.1", name="old.raucb"), stick)
    page.reload()
    page.get_by_role("form", name="From a USB stick").get_by_role("button").click()
    expect(page.get_by_text("0.0.1: older than what runs")).to_be_visible()
    page.get_by_role("button", name="Install").click()
    expect(
        page.get_by_role("alert").get_by_text("0.0.1 is not newer than what runs")
    ).to_be_visible()
    page.get_by_label("Install it all the same").check()
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_role("heading", name="0.0.1 starts next")).to_be_visible()


def test_a_failure_is_told_and_one_can_be_discarded(page: Page, box: RaucBox) -> None:
    box.fail()
    upload(page, box.bundle())
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_role("alert").first).to_contain_text("The update 2.0.0 was not installed.")
    upload(page, box.bundle())
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("The update was discarded.")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_each_state(
    browser: Browser, box: RaucBox, server: Served, scheme: Scheme, size: str, tmp_path: Path
) -> None:
    stick = tmp_path / "sticks/usb0"
    stick.mkdir(parents=True)
    shutil.copy(box.bundle("0.0.1", name="bargebox-0.0.1.raucb"), stick)
    with visit(browser, server, size, scheme) as page:

        def look(name: str) -> None:
            inspect(page, f"updates-{name}-{scheme}-{size}", whole=True)

        sign_in(page, "admin")
        arrive(page, "/settings/updates")
        look("choose")
        page.get_by_role("form", name="From a USB stick").get_by_role("button").click()
        page.get_by_role("button", name="Install").click()
        expect(page.get_by_role("alert").get_by_text("is not newer")).to_be_visible()
        look("chosen")
        box.hold()
        page.get_by_label("Install it all the same").check()
        page.get_by_role("button", name="Install").click()
        expect(page.locator("#update-bar")).to_be_visible()
        look("installing")
        box.let_go()
        expect(page.get_by_role("heading", name="0.0.1 starts next")).to_be_visible()
        look("installed")


def test_in_german(browser: Browser, box: RaucBox, server: Served) -> None:
    with visit(browser, server, "phone", "light", "de-DE") as page:
        sign_in(page, "admin")
        page.goto("/settings/updates")
        page.get_by_label("Datei", exact=True).set_input_files(box.bundle(signer="stranger"))
        page.get_by_role("button", name="Hochladen").click()
        alert = page.locator("#update-upload").get_by_role("alert")
        expect(alert).to_contain_text(re.compile("^Die Datei ist von niemandem"))
        inspect(page, "updates-german", whole=True)


def test_a_machine_without_an_updater(browser: Browser) -> None:
    with served(make_world(3)) as server, visit(browser, server, "wide", "light") as page:
        sign_in(page, "admin")
        page.goto("/settings/updates")
        expect(page.locator(".banner").first).to_contain_text("its updater (RAUC) does not run")
        inspect(page, "updates-absent", whole=True)
