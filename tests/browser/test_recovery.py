"""A new administrator password at the real box: buttons, lamps, page, and packets in a call."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.words import Button, LampPattern
from appliance.panel.buttons import BOTH_HELD_S
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.browser.looks import SIZES, inspect
from tests.browser.real_box import SUPERVISOR, RealBox, real_box
from tests.support.browser import LIMIT_MS, Scheme, context, sign_in, watched

ON_ITS_WAY_S = 0.050
LIMIT_S = 20
LINK = "I am at the box: set a new administrator password"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBox]:
    with real_box(tmp_path_factory.mktemp("world")) as box:
        yield box


@pytest.fixture
def page(browser: Browser, box: RealBox) -> Iterator[Page]:
    with context(browser, box.world.url) as profile, watched(profile) as page:
        yield page


@pytest.fixture
def panel(box: RealBox) -> Iterator[VirtualPanelClient]:
    with VirtualPanelClient(box.world.panel_socket) as panel:
        yield panel


def hold_both(panel: VirtualPanelClient, more_s: float = 0.5) -> None:
    for button in Button:
        panel.press(button)
    time.sleep(BOTH_HELD_S + more_s)
    for button in Button:
        panel.release(button)


def tap(panel: VirtualPanelClient, times: int) -> None:
    for _ in range(times):
        panel.tap(Button.MICROPHONE)
        time.sleep(0.25)


def test_in_a_call_both_buttons_only_mute_and_leave(
    page: Page, box: RealBox, panel: VirtualPanelClient
) -> None:
    call = box.do(box.admin.create_call())
    sign_in(page, SUPERVISOR.name, SUPERVISOR.password)
    page.locator(f'tr[data-id="{call}"]').get_by_role("button", name="Monitor").click()
    expect(page.locator("#tool-state")).to_have_text("Listening – you are muted")
    panel.tap(Button.MICROPHONE)
    expect(page.locator("#tool-state")).to_contain_text("Live")
    end = time.monotonic() + LIMIT_S
    while all(packet[4] for packet in box.packets()):
        assert time.monotonic() < end, "it was never live"
        page.wait_for_timeout(50)
    (leg,) = box.legs()
    pressed_at = time.monotonic()
    hold_both(panel)
    packets = box.do(box.admin.uplink(leg["handle"]))
    assert any(not packet[4] for packet in packets if packet[0] < pressed_at), "it was live"
    late = [packet for packet in packets if packet[0] > pressed_at + ON_ITS_WAY_S]
    assert all(packet[4] for packet in late), "nothing but silence after the press"
    assert box.legs() == []
    status = panel.lamp(Lamp.STATUS)
    assert status is not None
    assert status.pattern is LampPattern.ON
    page.goto("/sign-in")
    assert page.request.get("/api/v1/recovery").json()["state"] == "closed"
    assert box.do(box.admin.roster(call))
    box.do(box.admin.do("end", call=call))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_whoever_is_at_the_box_gets_a_new_password(
    browser: Browser, box: RealBox, panel: VirtualPanelClient, size: str, scheme: Scheme
) -> None:
    width, height = SIZES[size]
    with (
        context(browser, box.world.url, width=width, height=height, scheme=scheme) as profile,
        watched(profile) as page,
    ):
        page.goto("/sign-in")
        expect(page.get_by_role("link", name=LINK)).to_have_count(0)
        hold_both(panel)
        panel.wait_for(Lamp.MICROPHONE, LampPattern.QUICK_BLINK)
        panel.wait_for(Lamp.STATUS, LampPattern.QUICK_BLINK)
        page.reload()
        inspect(page, f"recover-door-{size}-{scheme}")
        page.get_by_role("link", name=LINK).click()
        inspect(page, f"recover-ask-{size}-{scheme}")
        page.get_by_role("button", name="I am at the box").press("Enter")
        number = page.locator("#recover-number")
        expect(number).to_be_visible()
        inspect(page, f"recover-press-{size}-{scheme}")
        tap(panel, int(number.inner_text()))
        expect(page.get_by_label("Account")).to_be_focused(timeout=LIMIT_MS)
        inspect(page, f"recover-choose-{size}-{scheme}")
        page.get_by_role("button", name="Make the password").click()
        told = page.get_by_label("One-time password")
        expect(told).to_be_visible()
        inspect(page, f"recover-done-{size}-{scheme}")
        panel.wait_for(Lamp.MICROPHONE, LampPattern.OFF)
        password = told.input_value()
        page.get_by_role("link", name="To the sign-in").click()
        page.wait_for_url("**/sign-in")
        page.locator("[name=user]").fill(SUPERVISOR.name)
        page.locator("[name=password]").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/change-password")


def test_another_number_of_presses_gives_none(page: Page, panel: VirtualPanelClient) -> None:
    hold_both(panel)
    page.goto("/recover")
    page.get_by_role("button", name="I am at the box").click()
    number = page.locator("#recover-number")
    expect(number).to_be_visible()
    tap(panel, int(number.inner_text()) + 1)
    expect(page.get_by_role("alert")).to_contain_text("another number of presses")
