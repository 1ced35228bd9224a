"""The toolbar tells how the call sounds: a word, a figure, a line; and the list, how it was."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import EndReason
from tests.browser.looks import SIZES, visit
from tests.support.browser import sign_in
from tests.support.console_served import Served

PLACES = """() => [...document.querySelectorAll('#toolbar, #toolbar button, #toolbar input,'
  + ' .meter-track, .quality, .quality svg, .quality-name, #list tr')]
  .map(element => JSON.stringify(element.getBoundingClientRect()))"""
MAX_POINTS = 60


def monitor(page: Page) -> None:
    sign_in(page)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
    page.locator('tr[data-id="call-00001"] button').click()
    expect(page.locator("#tool-state")).to_contain_text("muted")


def measure(server: Served, mos: float | None, lost_percent: float | None = 0.0) -> None:
    server.do(lambda: server.world.monitoring.quality(mos, lost_percent))


def line(page: Page) -> list[tuple[float, float]]:
    """The points of the line, from the left."""
    drawn = page.locator("#quality-line").get_attribute("d") or ""
    found = re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn)
    return [(float(x), float(y)) for x, y in found]


def test_the_sound_is_told_in_words_figures_and_a_line(page: Page, server: Served) -> None:
    monitor(page)
    quality = page.get_by_role("img", name="Sound of the call: not known yet")
    expect(quality).to_be_visible()
    expect(page.locator("#quality-word")).to_have_text("–")
    assert line(page) == []
    word, figure = page.locator("#quality-word"), page.locator("#quality-mos")
    for mos, lost, told in ((4.34, 0.0, "Good"), (3.42, 6.0, "Fair"), (2.0, 28.0, "Poor")):
        measure(server, mos, lost)
        expect(word).to_have_text(told)
        expect(figure).to_have_text(f"{mos:.1f}")
        expect(page.locator("#tool-quality")).to_have_accessible_name(
            f"Sound of the call: {told.lower()}, {mos:.1f} of 4.5; "
            f"worst of the last minute {mos:.1f}; {lost:.1f} % lost; delay 127 ms"
        )
    points = line(page)
    assert len(points) == 3
    assert [x for x, _ in points] == [116, 118, 120]
    assert [y for _, y in points] == sorted(y for _, y in points)  # down is worse
    measure(server, 4.3)
    expect(page.locator("#tool-quality")).to_have_accessible_name(
        re.compile("good, 4.3 of 4.5; worst of the last minute 2.0")
    )


def test_a_second_of_late_packets_only_tells_no_loss(page: Page, server: Served) -> None:
    monitor(page)
    measure(server, 4.2, None)
    expect(page.locator("#tool-quality")).to_have_accessible_name(
        "Sound of the call: good, 4.2 of 4.5; worst of the last minute 4.2; delay 127 ms"
    )
    measure(server, 4.1)
    expect(page.locator("#tool-quality")).to_have_accessible_name(re.compile("4.1 of 4.5"))


def test_silence_breaks_the_line_and_is_not_called_bad(page: Page, server: Served) -> None:
    monitor(page)
    for mos in (4.3, 4.2, None):
        measure(server, mos)
    expect(page.locator("#quality-word")).to_have_text("–")
    expect(page.locator("#quality-mos")).to_be_empty()
    expect(page.locator("#tool-quality")).to_have_accessible_name(
        "Sound of the call: nothing is sent now; worst of the last minute 4.2"
    )
    measure(server, 4.1)
    expect(page.locator("#quality-word")).to_have_text("Good")
    drawn = page.locator("#quality-line").get_attribute("d") or ""
    assert drawn.count("M") == 2
    assert len(line(page)) == 3


def test_the_line_holds_a_minute_and_survives_another_page(page: Page, server: Served) -> None:
    monitor(page)
    for second in range(70):
        measure(server, 3.2 + second / 100)
    expect(page.locator("#quality-mos")).to_have_text("3.9")
    assert len(line(page)) == MAX_POINTS
    before = line(page)
    page.get_by_role("link", name="Panel").click()
    expect(page.locator("#quality-mos")).to_have_text("3.9")
    expect(page.locator("#quality-word")).to_have_text("Fair")
    assert line(page) == before


def test_what_is_not_known_any_more_is_not_shown_as_now(page: Page, server: Served) -> None:
    monitor(page)
    measure(server, 4.3)
    expect(page.locator("#quality-word")).to_have_text("Good")
    server.do(lambda: server.world.monitoring.lose_leg())
    expect(page.locator("#tool-state")).to_contain_text("unknown")
    expect(page.locator("#quality-word")).to_have_text("–")
    expect(page.locator("#tool-quality")).to_have_accessible_name(
        "Sound of the call: not known yet"
    )


def test_another_session_begins_with_nothing(page: Page, server: Served) -> None:
    monitor(page)
    measure(server, 2.0)
    expect(page.locator("#quality-word")).to_have_text("Poor")
    server.do(lambda: server.world.monitoring.end(EndReason.CALL_ENDED))
    expect(page.locator("#toolbar")).to_be_hidden()
    page.locator('tr[data-id="call-00002"] button').click()
    expect(page.locator("#tool-state")).to_contain_text("muted")
    expect(page.locator("#quality-word")).to_have_text("–")
    assert line(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_when_the_figures_do(browser: Browser, server: Served, size: str) -> None:
    with visit(browser, server, size, "light") as page:
        monitor(page)
        page.mouse.move(5, 5)
        page.wait_for_timeout(1500)  # the list has settled after the join
        before = page.evaluate(PLACES)
        for mos in (4.38, 3.3, 1.0, None, 4.0):
            measure(server, mos, 12.3)
            told = "" if mos is None else f"{mos:.1f}"
            expect(page.locator("#quality-mos")).to_have_text(told)
            assert page.evaluate(PLACES) == before


@pytest.mark.parametrize("size", SIZES)
def test_the_list_tells_how_a_monitoring_sounded(
    browser: Browser, server: Served, size: str
) -> None:
    server.world.monitoring.sound = SessionQuality(mos=4.21, mos_worst=3.0, lost_percent=0.26)
    with visit(browser, server, size, "light") as page:
        monitor(page)
        row = page.locator('tr[data-id="call-00001"]')
        expect(row.locator(".sound")).to_be_hidden()
        height = row.bounding_box()
        server.do(lambda: server.world.monitoring.end(EndReason.HUNG_UP))
        expect(row.locator(".sound")).to_have_text("MOS 4.2 0.3 % lost")
        if size == "wide":
            after = row.bounding_box()
            assert height is not None
            assert after is not None
            assert after["height"] == height["height"]
        page.get_by_role("tab", name="Monitored").click()
        expect(page.locator("#list tbody tr")).to_have_count(1)
        expect(page.locator("#list .sound")).to_have_text("MOS 4.2 0.3 % lost")
