"""The page against the whole box: real headset, real packets, real ears, real accidents."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from appliance.audio.levels import tone_dbfs
from appliance.control_link.words import Button, LampPattern
from appliance.panel.patterns import Lamp
from appliance.panel.virtual_client import VirtualPanelClient
from tests.browser.real_box import SUPERVISOR, RealBox, browser_clock, control_away, real_box
from tests.support.browser import context, sign_in, watch

SILENT_DBFS = -80.0
HEARD_DBFS = -40.0
A_SECOND_MS = 1300
"""The centre measures the last second; the rest is for what is still on its way."""
ON_ITS_WAY_S = 0.050
PRESSES = 20
PAGE_LIMIT_S = 0.150
MUTED = "Listening – you are muted"
EVERYONE = "Live – agent and customer hear you"
AGENT_ONLY = "Live – only the agent hears you"

BY_TURNS = ((LampPattern.ON, "true"), (LampPattern.SLOW_BREATHE, "false"))
"""The lamp's pattern and what the page's button says, press by press."""

LEAVE = "fetch('/api/v1/monitoring', {method: 'DELETE', headers: {'X-Bargebox': '1'}})"
ABSENT = re.compile("net::ERR_")

NOTE_CHANGES = """() => {
  window.notes = [];
  const microphone = document.getElementById("tool-microphone");
  const state = document.getElementById("tool-state");
  const note = () => notes.push([
    performance.timeOrigin + performance.now(), microphone.ariaPressed, state.textContent]);
  note();
  const observer = new MutationObserver(note);
  observer.observe(microphone, { attributeFilter: ["aria-pressed"] });
  observer.observe(state, { childList: true, characterData: true, subtree: true });
}"""
"""Each state that the page shows, with its moment on the browser's clock."""

KEEP_CONTEXTS = """
  window.contexts = [];
  window.AudioContext = class extends AudioContext {
    constructor(...options) {
      super(...options);
      contexts.push(this);
    }
  };"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBox]:
    with real_box(tmp_path_factory.mktemp("world")) as box:
        yield box


@pytest.fixture
def page(browser: Browser, box: RealBox) -> Iterator[Page]:
    """A fresh profile; it leaves the call that a failed test is in."""
    with context(browser, box.world.url) as profile:
        page = profile.new_page()
        complaints, starts = watch(page), box.world.control.starts
        yield page
        while box.legs():
            page.evaluate(LEAVE)
            page.wait_for_timeout(100)
        if box.world.control.starts > starts:  # it was killed: its absence is complained of
            complaints = [words for words in complaints if not ABSENT.search(words)]
        assert complaints == []


@pytest.fixture
def call(box: RealBox) -> Iterator[str]:
    """A quiet call, so that a tone can be measured in it."""
    call = box.do(box.admin.create_call())
    yield call
    box.do(box.admin.do("end", call=call))


def monitor(page: Page, call: str) -> None:
    sign_in(page, SUPERVISOR.name, SUPERVISOR.password)
    page.locator(f'tr[data-id="{call}"]').get_by_role("button", name="Monitor").click()
    shows(page, MUTED)


def shows(page: Page, state: str) -> None:
    expect(page.locator("#tool-state")).to_have_text(state)


def all_silent(packets: list[list[float]]) -> bool:
    return bool(packets) and all(packet[4] for packet in packets)


def test_muted_live_coaching_and_muted_again(page: Page, box: RealBox, call: str) -> None:
    before = box.do(box.admin.roster(call))
    monitor(page, call)
    microphone = page.get_by_role("button", name="Microphone")
    page.wait_for_timeout(A_SECOND_MS)
    assert all_silent(box.packets())
    assert max(box.heard(call)) < SILENT_DBFS

    microphone.click()
    shows(page, EVERYONE)
    with page.context.expect_page() as opened:
        page.evaluate("() => void open('/panel', '_blank', 'noopener')")
    lamps = opened.value
    expect(lamps.locator("#words-microphone")).to_have_text("steady on")
    page.wait_for_timeout(A_SECOND_MS)
    assert min(box.heard(call)) >= HEARD_DBFS

    page.get_by_label("Agent only").check()
    shows(page, AGENT_ONLY)
    page.wait_for_timeout(A_SECOND_MS)
    agent, customer = box.heard(call)
    assert agent >= HEARD_DBFS
    assert customer < SILENT_DBFS

    microphone.click()
    shows(page, MUTED)
    muted_at = time.monotonic()
    expect(lamps.locator("#words-microphone")).to_have_text("breathing slowly")
    page.wait_for_timeout(A_SECOND_MS)
    assert max(box.heard(call)) < SILENT_DBFS
    assert all_silent([p for p in box.packets() if p[0] > muted_at + ON_ITS_WAY_S])
    assert box.do(box.admin.roster(call)) == before, "agent and customer must notice nothing"


def test_the_page_follows_the_physical_button_at_once(page: Page, box: RealBox, call: str) -> None:
    monitor(page, call)
    page.evaluate(NOTE_CHANGES)
    offset = browser_clock(page)
    moved: list[tuple[float, str]] = []
    with VirtualPanelClient(box.world.panel_socket) as panel:
        for number in range(PRESSES):
            pattern, pressed = BY_TURNS[number % 2]
            panel.tap(Button.MICROPHONE)
            moved.append((panel.wait_for(Lamp.MICROPHONE, pattern).at, pressed))
            expect(page.locator("#tool-microphone")).to_have_attribute("aria-pressed", pressed)
            page.wait_for_timeout(150)
    shown = [(at / 1000 - offset, pressed) for at, pressed, _ in page.evaluate("notes")]
    late = [
        next(then for then, state in shown if then > at and state == wanted) - at
        for at, wanted in moved
    ]
    print(f"lamp to page: median {statistics.median(late) * 1000:.0f} ms, most {max(late):.3f} s")
    assert statistics.median(late) <= PAGE_LIMIT_S, late


def test_leaving_ends_the_leg_and_not_the_call(page: Page, box: RealBox, call: str) -> None:
    monitor(page, call)
    page.get_by_role("button", name="Leave call").click()
    expect(page.locator("#notice")).to_contain_text("You left the call.")
    expect(page.locator("#toolbar")).to_be_hidden()
    assert box.legs() == []
    row = page.locator(f'tr[data-id="{call}"]')
    expect(row).to_contain_text("In conversation")
    expect(row.get_by_role("button", name="Monitor")).to_be_enabled()
    assert box.do(box.admin.measure(call, "agent")) <= 0, "the call itself goes on"


def test_the_page_says_who_ended_the_call(page: Page, box: RealBox) -> None:
    call = box.do(box.admin.create_call())
    monitor(page, call)
    box.do(box.admin.do("end", call=call, by="agent"))
    expect(page.locator("#notice")).to_contain_text("The agent ended the call.")
    expect(page.locator("#toolbar")).to_be_hidden()


def test_control_killed_in_a_call_is_unknown_and_then_right(
    page: Page, box: RealBox, call: str
) -> None:
    monitor(page, call)
    page.get_by_role("button", name="Microphone").click()
    shows(page, EVERYONE)
    page.evaluate(NOTE_CHANGES)
    with VirtualPanelClient(box.world.panel_socket) as panel:
        with control_away(box):
            panel.tap(Button.MICROPHONE)
            panel.wait_for(Lamp.MICROPHONE, LampPattern.SLOW_BREATHE)
            expect(page.locator("#tool-state")).to_have_text(re.compile("unknown"))
            expect(page.locator("#tool-microphone")).to_have_attribute("aria-pressed", "mixed")
            expect(page.locator("#chip-box")).to_have_text("State unknown")
        shows(page, MUTED)  # by itself: the observer would be gone after a reload
        states = [state for _, _, state in page.evaluate("notes")]
        unknown = next(n for n, state in enumerate(states) if "unknown" in state)
        assert all("muted" not in state for state in states[: unknown + 1]), states
        expect(page.locator("#tool-microphone")).to_have_attribute("aria-pressed", "false")
        panel.tap(Button.MICROPHONE)
        panel.wait_for(Lamp.MICROPHONE, LampPattern.ON)
        shows(page, EVERYONE)


def test_the_ear_plays_what_the_headset_plays(page: Page, box: RealBox, call: str) -> None:
    blocks: list[bytes] = []

    def heard(block: bytes | str) -> None:
        if isinstance(block, bytes):
            blocks.append(block)

    def opened(socket: WebSocket) -> None:
        socket.on("framereceived", heard)

    page.on("websocket", opened)
    page.add_init_script(KEEP_CONTEXTS)
    box.do(box.admin.tone(call, "customer", 2000.0))
    monitor(page, call)
    ear = page.frame_locator("iframe[title='Listen to the headset']")
    ear.get_by_role("button", name="Listen to the headset").click()
    expect(ear.locator("#state")).to_have_text("You hear what the headset plays.")
    page.wait_for_timeout(1500)
    (frame,) = [frame for frame in page.frames if frame != page.main_frame]
    assert frame.evaluate("contexts.map(context => context.state)") == ["running"]
    sound = np.frombuffer(b"".join(blocks[-50:]), dtype="<i2")
    assert len(sound) == 50 * 480
    assert tone_dbfs(sound, 2000.0) > HEARD_DBFS
    ear.get_by_role("button").click()
    expect(ear.locator("#state")).to_have_text("Not listening.")


def test_everything_by_the_keyboard_alone(page: Page, box: RealBox, call: str) -> None:
    page.goto("/sign-in")
    page.keyboard.type(SUPERVISOR.name)
    page.keyboard.press("Tab")
    page.keyboard.type(SUPERVISOR.password)
    page.keyboard.press("Enter")
    expect(page.locator(f'tr[data-id="{call}"]')).to_be_visible()
    walk_to(page, "Monitor Ada Okafor")
    page.keyboard.press("Enter")
    shows(page, MUTED)
    walk_to(page, "Microphone")
    page.keyboard.press("Space")
    shows(page, EVERYONE)
    walk_to(page, "everyone")
    page.keyboard.press("ArrowDown")
    shows(page, AGENT_ONLY)
    walk_to(page, "Listen to the headset")
    page.keyboard.press("Space")
    ear = page.frame_locator("iframe[title='Listen to the headset']")
    expect(ear.locator("#state")).to_have_text("You hear what the headset plays.")
    walk_to(page, "Panel")
    page.keyboard.press("Enter")
    expect(page.locator("#words-microphone")).to_have_text("steady on")
    walk_to(page, "Microphone button")
    page.keyboard.press("Space", delay=80)
    shows(page, MUTED)
    expect(page.locator("#words-microphone")).to_have_text("breathing slowly")
    walk_to(page, "Hang-up button")
    page.keyboard.press("Enter", delay=80)
    expect(page.locator("#notice")).to_contain_text("You left the call.")
    walk_to(page, "Dismiss")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_hidden()
    assert box.legs() == []


def walk_to(page: Page, name: str) -> None:
    """Press Tab until that is in focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        for frame in page.frames:
            if frame.evaluate(FOCUSED).startswith(name):
                return
    raise AssertionError(f"the keyboard never reached {name!r}")


FOCUSED = """() => {
  const element = document.hasFocus() ? document.activeElement : null;
  return element?.ariaLabel || element?.innerText || element?.value || "";
}"""
