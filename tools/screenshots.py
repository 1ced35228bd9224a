#!/usr/bin/env python3
"""Make the documentation's pictures: the demo in a real Chromium, a call being monitored.

Run it as ``.venv/bin/python tools/screenshots.py`` after ``make test`` has set the tools up.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from playwright.async_api import Page, async_playwright, expect

from appliance.demo.box import Person
from appliance.demo.voice import supervisor_voice
from appliance.demo.world import Options, World

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
WIDTH, HEIGHT = 1280, 800
CENTRE = {"seed": 7, "lively": 5, "listed": 16}
"""A small tenant, the same at each run."""
ALL_SPEAK = """() => [...document.querySelectorAll("[role=meter]")]
  .every(meter => Number(meter.getAttribute("aria-valuenow")) > -40)"""
"""The picture shows a conversation and not a pause in it."""

HEARD_A_WHILE = """() => (document.getElementById("quality-line").getAttribute("d")
  .match(/[ML]/g) ?? []).length > 20"""
"""Enough of the sound's line to be seen: a point a second."""


async def main() -> None:
    """Start the demo, take the pictures, stop it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    person = Person("supervisor", "Administrator")
    with tempfile.TemporaryDirectory(prefix="bargebox-") as folder:
        async with World(Path(folder), Options(centre=CENTRE, people=(person,))) as world:
            voice = await asyncio.to_thread(supervisor_voice, Path(folder) / "voice.wav")
            await asyncio.to_thread(world.card.play, voice)
            await take_all(world, person)


async def take_all(world: World, person: Person) -> None:
    """In one browser: sign in, monitor, look at the list, barge in, look at the panel."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(
            base_url=world.url,
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            reduced_motion="reduce",
        )
        await sign_in(page, person)
        await page.locator("#list button:enabled[data-monitor]").first.click()
        await expect(page.locator("#tool-state")).to_contain_text("Listening")
        await page.get_by_role("button", name="Microphone").click()
        await expect(page.locator("#tool-state")).to_contain_text("Live")
        await page.mouse.move(WIDTH / 2, 5)
        await page.wait_for_function(HEARD_A_WHILE, timeout=60_000)
        await page.wait_for_function(ALL_SPEAK)
        await take(page, "list")
        await page.goto("/panel")
        await expect(page.locator("#words-microphone")).to_have_text("steady on")
        await page.wait_for_function(ALL_SPEAK)
        await take(page, "panel")
        await page.get_by_role("button", name="Leave call").click()
        await browser.close()


async def sign_in(page: Page, person: Person) -> None:
    """By the form."""
    await page.goto("/sign-in")
    await page.get_by_label("User name").fill(person.name)
    await page.get_by_label("Password").fill(person.password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


async def take(page: Page, name: str) -> None:
    """One picture, with a palette: less than half the size, and nobody sees the difference."""
    picture = await page.screenshot()
    path = PICTURES / f"{name}.png"
    path.write_bytes(with_palette(picture))
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


def with_palette(png: bytes) -> bytes:
    """The same PNG in 256 colours."""
    with av.open(io.BytesIO(png), "r") as source:
        frame = next(source.decode(video=0))
    frame.pts, frame.time_base = 0, Fraction(1)
    graph = Graph()
    entry = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    copies, exit_ = graph.add("split"), graph.add("buffersink")
    palette = graph.add("palettegen", "max_colors=256:reserve_transparent=0")
    painter = graph.add("paletteuse", "dither=none")
    entry.link_to(copies)
    copies.link_to(painter, 0, 0)
    copies.link_to(palette, 1, 0)
    palette.link_to(painter, 0, 1)
    painter.link_to(exit_)
    graph.configure()
    graph.vpush(frame)
    graph.vpush(None)
    return encoded(graph.vpull())


def encoded(frame: av.VideoFrame) -> bytes:
    """A frame with a palette as the bytes of a PNG."""
    out = io.BytesIO()
    with av.open(out, "w", format="image2pipe") as sink:
        stream = sink.add_stream("png", rate=1, options={"compression_level": "9"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "pal8"
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            sink.mux(packet)
    return out.getvalue()


if __name__ == "__main__":
    asyncio.run(main())
