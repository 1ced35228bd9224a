"""What the sound bench counts and draws: the cost of processes, and the picture of its rows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.bench.sound.cost import descendants, memory, processor_s
from tests.bench.sound.picture import picture
from tests.bench.sound.rows import RECEIVERS, Row

LIMIT_S = 30.0
SVG = "{http://www.w3.org/2000/svg}"
BUSY_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"


@pytest.fixture
def parent() -> Iterator[int]:
    """An idle process whose child is busy; both are gone afterwards."""
    with subprocess.Popen([sys.executable, "-c", BUSY_CHILD], start_new_session=True) as process:
        yield process.pid
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=True)


def test_the_cost_of_a_process_holds_that_of_those_below_it(parent: int) -> None:
    end = time.monotonic() + LIMIT_S
    while not (descendants(parent) and processor_s(parent) > 0.5):
        assert time.monotonic() < end
        time.sleep(0.05)
    (child,) = descendants(parent)
    assert memory(child).rss_mb > 1
    assert memory(parent).rss_mb > memory(child).rss_mb
    assert memory(parent).pss_mb <= memory(parent).rss_mb


def row(scenario: str, receiver: str, ear: float | None, pesq: float) -> Row:
    return Row(scenario, receiver, 0, "espeak", ear, ear, pesq, None, None, 1.0, 1.0, 1.0)


def drawing(rows: list[Row]) -> ElementTree.Element:
    return ElementTree.fromstring(picture(rows))  # noqa: S314  (our own words)


def test_the_picture_shows_each_receiver_of_each_scenario() -> None:
    rows = [row(name, who, 60.0, 3.0) for name in ("clean", "a < b & c") for who in RECEIVERS]
    drawn = drawing(rows)
    words = {text.text for text in drawn.iter(f"{SVG}text")}
    assert {"clean", "a < b & c", *RECEIVERS} <= words
    circles = list(drawn.iter(f"{SVG}circle"))
    assert len(circles) == 3, "ours in two panels and in the legend"


def test_what_sounds_better_is_higher_and_what_comes_sooner_is_further_left() -> None:
    early = drawing([row("x", "ours", 60.0, 4.0)])
    late = drawing([row("x", "ours", 90.0, 3.0)])
    one, other = (next(drawn.iter(f"{SVG}circle")) for drawn in (early, late))
    assert float(one.attrib["cx"]) < float(other.attrib["cx"])
    assert float(one.attrib["cy"]) < float(other.attrib["cy"])


def test_a_receiver_that_was_never_surely_heard_is_left_out_of_its_panel() -> None:
    drawn = drawing([row("x", "ours", None, 1.0)])
    assert len(list(drawn.iter(f"{SVG}circle"))) == 1, "only in the legend"
