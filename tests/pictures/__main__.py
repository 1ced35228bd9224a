"""Take the documentation's pictures: the running box in a real Chromium. ``make pictures``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, expect

from appliance.demo.box import Person
from appliance.demo.voice import supervisor_voice
from appliance.demo.world import Options, World
from tests.pictures.palette import with_palette
from tests.pictures.shots import (
    PICTURES,
    SESSIONS,
    SET,
    SIZES,
    Shot,
    at_the_first_start,
    in_service,
    text_of_the_set,
)
from tests.support.browser import Scheme, chromium, context, sign_in
from tests.support.filled_world import FilledWorld, Years
from tests.support.private_box import private_box

CENTRE = {"seed": 7, "lively": 5, "listed": 16}
"""A small tenant, the same at each run."""
ALL_SPEAK = """() => [...document.querySelectorAll("#toolbar [role=meter]")]
  .every(meter => Number(meter.getAttribute("aria-valuenow")) > -40)"""
THEY_SPEAK = ALL_SPEAK.replace("[role=meter]", "[role=meter][aria-labelledby=meter-call-name]")
"""The picture shows a conversation and not a pause in it."""
HEARD_A_WHILE = """() => (document.getElementById("quality-line").getAttribute("d")
  .match(/[ML]/g) ?? []).length > 20"""
"""Enough of the sound's line to be seen: a point a second."""
LIMIT_MS = 60_000


async def main() -> None:
    """Start the box, take the pictures, stop it."""
    person = Person("supervisor", "Administrator")
    with (
        private_box("systemd", "timesyncd", "avahi") as services,
        tempfile.TemporaryDirectory(prefix="bargebox-") as folder,
    ):
        options = Options(
            centre=CENTRE,
            ear=False,
            people=(person,),
            settings={"box": {"system_bus": services.address}},
        )
        (PICTURES / "pages").mkdir(parents=True, exist_ok=True)
        SET.write_text(text_of_the_set())
        new, used = Path(folder) / "new", Path(folder) / "used"
        async with FilledWorld(new, options, Years(0, 0, 0, first_start=True)) as world:
            await asyncio.to_thread(_take_all, world, person, at_the_first_start())
        years = Years(SESSIONS, with_curves=100, audit_rows=100)
        async with FilledWorld(used, options, years) as world:
            voice = await asyncio.to_thread(supervisor_voice, Path(folder) / "voice.wav")
            await asyncio.to_thread(world.card.play, voice)
            await asyncio.to_thread(_take_a_call, world, person)
            await asyncio.to_thread(_take_all, world, person, in_service())


def _take_all(world: World, person: Person, shots: list[Shot]) -> None:
    with chromium() as browser:
        for size in SIZES:
            for scheme in get_args(Scheme):
                _take_pages(browser, world, person, shots, scheme, size)


def _take_a_call(world: World, person: Person) -> None:
    """Monitor, look at the list, barge in, look at the panel."""
    with chromium() as browser, context(browser, world.url) as profile:
        page = profile.new_page()
        _enter(page, person)
        page.locator("#list button:enabled[data-monitor]").first.click()
        expect(page.locator("#tool-state")).to_contain_text("Listening")
        page.wait_for_function(THEY_SPEAK, timeout=LIMIT_MS)
        _take(page.locator("#toolbar"), PICTURES / "toolbar-listening.png")
        page.get_by_role("button", name="Microphone").click()
        expect(page.locator("#tool-state")).to_contain_text("Live")
        page.mouse.move(640, 5)
        page.wait_for_function(HEARD_A_WHILE, timeout=LIMIT_MS)
        page.wait_for_function(ALL_SPEAK, timeout=LIMIT_MS)
        _take(page.locator("#toolbar"), PICTURES / "toolbar-live.png")
        page.wait_for_function(ALL_SPEAK, timeout=LIMIT_MS)
        _take(page, PICTURES / "list.png")
        page.goto("/panel")
        expect(page.locator("#words-microphone")).to_have_text("steady on")
        page.wait_for_function(ALL_SPEAK, timeout=LIMIT_MS)
        _take(page, PICTURES / "panel.png")
        page.get_by_role("button", name="Leave call").click()
        expect(page.locator("#tool-state")).to_be_hidden()


def _take_pages(
    browser: Browser, world: World, person: Person, shots: list[Shot], scheme: Scheme, size: str
) -> None:
    width, height = SIZES[size]
    with context(browser, world.url, width=width, height=height, scheme=scheme) as profile:
        page = profile.new_page()
        page.goto("/sign-in")
        for shot in shots:
            if shot.address != "/sign-in":
                if urlsplit(page.url).path == "/sign-in":
                    _enter(page, person)
                page.goto(shot.address)
                expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            page.wait_for_timeout(300)  # for what the page asks for by itself
            _take(page, shot.path(scheme, size))


def _enter(page: Page, person: Person) -> None:
    sign_in(page, person.name, person.password)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def _take(what: Page | Locator, path: Path) -> None:
    path.write_bytes(with_palette(what.screenshot()))
    print(f"{path.relative_to(PICTURES)}: {path.stat().st_size // 1024} kB", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
