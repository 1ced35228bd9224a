"""From the carton into service on the page alone: a real box, with real services of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.first_start_walk import (
    OWN,
    at_step,
    clock,
    first_sign_in,
    go_on,
    headset,
    monitors_a_call,
    name_and_zone,
    network,
    panel,
    platform,
    standing,
    supervisor,
)
from tests.browser.fresh_box import FreshBox, fresh_box
from tests.support.browser import context, sign_in, watched
from tests.support.private_box import PrivateBox

TEN_MINUTES_S = 600.0
ABSENT = re.compile("net::ERR_")
"""Control begins anew with another platform, and is killed on purpose."""


@pytest.fixture
def box(tmp_path: Path, services: PrivateBox) -> Iterator[FreshBox]:
    with fresh_box(tmp_path, services) as box:
        yield box


@pytest.fixture
def page(browser: Browser, box: FreshBox) -> Iterator[Page]:
    with (
        context(browser, box.world.url, trusting=True) as profile,
        watched(profile, ABSENT) as page,
    ):
        yield page


def test_an_it_person_has_the_box_in_service_within_ten_minutes_on_the_page_alone(
    browser: Browser, page: Page, box: FreshBox, services: PrivateBox
) -> None:
    began = time.monotonic()
    first_sign_in(page, box)
    assert "The one-time password was changed." in standing(page, "New password")
    name_and_zone(page)
    network(page, services)

    # Left in the middle: the box loses control's process, and the browser is another one.
    starts = box.world.control.starts
    assert box.world.control.pid is not None
    os.kill(box.world.control.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while box.world.control.starts == starts or not box.world.ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    page.context.clear_cookies()
    sign_in(page, "admin", OWN)
    page.wait_for_url("**/first-start")
    at_step(page, "Time")
    assert "eth0 is connected" in standing(page, "Network")

    clock(page)
    go_on(page, "Call platform")
    assert "certificate of its own until" in standing(page, "Certificate")
    platform(page, box)
    headset(page)
    panel(page)
    password = supervisor(page)
    page.get_by_role("button", name="Put the box into service").click()
    expect(page.get_by_role("heading", name="The box is in service")).to_be_visible()
    expect(page.get_by_role("link", name="First start")).to_have_count(0)
    assert time.monotonic() - began < TEN_MINUTES_S
    print(f"in service after {time.monotonic() - began:.0f} s")
    monitors_a_call(browser, box, password)

    page.goto("/audit")
    expect(page.get_by_role("cell", name="Put the box into service")).to_be_visible()
    kept = page.evaluate("fetch('/api/v1/audit?limit=100').then(answer => answer.json())")["items"]
    steps = [json.loads(row["detail"]) for row in kept if row["action"] == "first_start_step"]
    assert [step["step"] for step in reversed(steps)] == [
        "password", "name", "network", "time", "certificate", "platform", "headset", "panel",
        "supervisor",
    ]  # fmt: skip
    assert {step["state"] for step in steps} == {"done"}
    health = page.evaluate("fetch('/api/v1/health').then(answer => answer.json())")["findings"]
    assert "first_start_unfinished" not in [finding["code"] for finding in health]
