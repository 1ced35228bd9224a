"""The first start by a document: the box ends as one that was set up on the page."""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from appliance.demo.world import TENANT
from appliance.provisioning.first_start.steps import State, Step
from tests.browser.first_start_walk import (
    OWN,
    at_step,
    clock,
    first_sign_in,
    go_on,
    monitors_a_call,
    name_and_zone,
    platform,
    supervisor,
)
from tests.browser.fresh_box import FreshBox, fresh_box
from tests.support.browser import context, sign_in
from tests.support.private_box import private_box


def set_aside(page: Page, after: str) -> None:
    page.get_by_role("button", name="Set aside").click()
    at_step(page, after)


def by_hand(page: Page, box: FreshBox) -> str:
    """Into service on the page; the network is the one that DHCP gave. The supervisor's password.

    What only a person at the box can tell is set aside, for a document cannot tell it either.
    """
    first_sign_in(page, box)
    name_and_zone(page)
    go_on(page, "Time")
    clock(page)
    go_on(page, "Call platform")
    platform(page, box)
    set_aside(page, "Buttons and lamps")
    set_aside(page, "First supervisor")
    password = supervisor(page)
    page.get_by_role("button", name="Put the box into service").click()
    expect(page.get_by_role("heading", name="The box is in service")).to_be_visible()
    return password


def document(box: FreshBox) -> str:
    """What `by_hand` does, as a document."""
    return f"""
[box]
name = "desk-7"
time_zone = "Europe/Berlin"
[time]
ntp = false
[network.ipv4]
method = "dhcp"
[platform]
driver = "sandbox"
[platform.sandbox]
url = "{box.world.centre_url}"
token = "{box.world.centre_token}"
tenant = "{TENANT}"
[administrator]
password = "{OWN}"
[[accounts]]
name = "sue"
role = "Supervisor"
password = "for the first sign-in"
"""


@dataclass(frozen=True)
class Standing:
    """How a box is, as its page tells it."""

    settings: dict[str, Any]
    steps: dict[str, tuple[str, str]]
    """How each stands, and what was verified of it."""
    in_service: bool


def of_box(page: Page, box: FreshBox) -> Standing:
    """To whoever administers it."""
    ask = "what => fetch(`/api/v1/${what}`).then(answer => answer.json())"
    export = """() => fetch("/api/v1/settings/export", {
        method: "POST", body: "{}",
        headers: { "Content-Type": "application/json", "X-Bargebox": "en" },
    }).then(answer => answer.text())"""
    text = page.evaluate(export).replace(box.world.centre_url, "the contact centre")
    now = page.evaluate(ask, "first-start")
    # An address by DHCP, and a certificate's end, are the box's own.
    own = re.compile(r"connected with [^;]*|until .*")
    steps = {one["step"]: (one["state"], own.sub("", one["words"])) for one in now["steps"]}
    return Standing(tomllib.loads(text), steps, now["in_service"] is not None)


def test_a_box_set_up_by_a_document_ends_in_the_state_of_one_set_up_on_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    found = []
    for way in ("page", "document"):
        with (
            private_box("systemd", "timesyncd", "avahi") as services,
            fresh_box(tmp_path / way, services) as box,
            context(browser, box.world.url, trusting=True) as profile,
        ):
            page = profile.new_page()
            if way == "page":
                password = by_hand(page, box)
            else:
                password = "for the first sign-in"
                report = box.plug_in(document(box))
                deadline = time.monotonic() + 90
                while not report.exists() or "The box is in service." not in report.read_text():
                    assert time.monotonic() < deadline, report.exists() and report.read_text()
                    time.sleep(0.2)
                assert "FAIL" not in report.read_text()
                sign_in(page, "admin", OWN)
            monitors_a_call(browser, box, password)
            found.append(of_box(page, box))
            assert services.run("cat /etc/hostname") == "desk-7\n"
    by_page, by_document = found
    assert by_document == by_page
    assert by_page.in_service
    assert by_page.settings["box"]["time_zone"] == "Europe/Berlin"
    assert {one["name"] for one in by_page.settings["accounts"]} == {"admin", "sue"}
    states = {step: state for step, (state, _) in by_page.steps.items()}
    aside = {Step.HEADSET: State.ASIDE, Step.PANEL: State.ASIDE}
    assert states == {step: aside.get(step, State.DONE) for step in Step}
