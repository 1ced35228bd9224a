"""The whole demo world for a test that drives a browser: it runs on another loop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page

from appliance.demo.box import Person
from appliance.demo.world import Options, World
from tests.support.centre import SPEECH_DIRECTORY, Administrator
from tests.support.demo_world import open_centre
from tests.support.other_loop import OtherLoop, other_loop
from tests.support.soundcard import sine

SUPERVISOR = Person("supervisor", "Administrator")
HERTZ = 997.0
TONE_DBFS = -3.0
"""What the headset's microphone hears all the time."""

T = TypeVar("T")


class RealBox:
    """Box, contact centre and virtual headset, as a newcomer runs them, and the centre's boss."""

    def __init__(self, world: World, admin: Administrator, loop: OtherLoop) -> None:
        self.world = world
        self.admin = admin
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* where the world runs and wait for its result."""
        return self._loop.do(work)

    def packets(self) -> list[list[Any]]:
        """Every uplink packet of the one leg; first its moment, last if it is the silence frame."""
        (leg,) = self.legs()
        return self.do(self.admin.uplink(leg["handle"]))

    def legs(self) -> list[dict[str, Any]]:
        """The legs that are at the centre now."""
        found: list[dict[str, Any]] = self.do(self.admin.do("legs"))["legs"]
        return found

    def heard(self, call: str) -> tuple[float, float]:
        """What agent and customer heard of the microphone's tone in the last second, dBFS."""
        agent = self.do(self.admin.measure(call, "agent", HERTZ))
        return agent, self.do(self.admin.measure(call, "customer", HERTZ))


@contextmanager
def real_box(directory: Path) -> Iterator[RealBox]:
    """Start it, with the tone at the microphone and no call; everything ends with the block."""
    options = Options(
        centre={"lively": 0, "speech_directory": str(SPEECH_DIRECTORY)},
        # The tests hold control back until the page has noticed; the leg shall wait for it.
        settings={"leg": {"control_timeout_s": 20.0}},
        people=(SUPERVISOR,),
    )
    with other_loop("demo world") as loop:
        world = loop.enter(World(directory, options))
        admin = loop.enter(open_centre(world))
        world.card.play(sine(HERTZ, TONE_DBFS))
        yield RealBox(world, admin, loop)


@contextmanager
def control_away(box: RealBox) -> Iterator[None]:
    """SIGKILL; its next life is held until the block ends, however quick it would have been."""
    control = box.world.control
    starts = control.starts
    assert control.pid is not None
    os.kill(control.pid, signal.SIGKILL)
    while control.starts == starts:
        time.sleep(0.01)
    os.kill(control.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(control.pid, signal.SIGCONT)


def browser_clock(page: Page) -> float:
    """The browser's clock minus the box's monotonic one, in seconds; from the quickest answer."""
    answers = []
    for _ in range(20):
        asked = time.monotonic()
        told = page.evaluate("performance.timeOrigin + performance.now()") / 1000
        now = time.monotonic()
        answers.append((now - asked, told - (asked + now) / 2))
    return float(min(answers)[1])
