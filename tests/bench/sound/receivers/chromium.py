"""Debian's Chromium, headless: an <audio> element plays, a track processor listens beside it."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, Page, Playwright, async_playwright

from tests.bench.sound.cost import descendants, program
from tests.bench.sound.receivers.base import Heard, serve, what_it_says
from tests.support.browser import ARGUMENTS, CHROMIUM

PAGE = "http://localhost/ear"
"""Served by nobody but the browser's own request interception; a secure context."""
SCRIPT = Path(__file__).with_name("chromium.js")
LIMIT_MS = 15_000
PINGS = 20


def _microphone(file: Path) -> tuple[str, ...]:
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}",
    )


class Chromium:
    """See `Receiver`."""

    def __init__(self, talk: Path | None = None) -> None:
        self._talk = talk
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._page: Page | None = None

    async def start(self) -> int:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *ARGUMENTS,
                "--autoplay-policy=no-user-gesture-required",
                "--allow-loopback-in-peer-connection",
                "--disable-features=WebRtcHideLocalIpsWithMdns",
                *(_microphone(self._talk) if self._talk is not None else ()),
            ],
        )
        self._page = page = await self._browser.new_page()
        page.set_default_timeout(LIMIT_MS)
        await page.route("**/*", lambda route: route.fulfill(body="<!doctype html>"))
        await page.goto(PAGE)
        await page.add_script_tag(content=SCRIPT.read_text())
        ours = [pid for pid in descendants() if "chromium" in program(pid)]
        return min(ours)

    @property
    def page(self) -> Page:
        assert self._page is not None
        return self._page

    async def open(self, name: str, offer: str) -> str:
        asked = [name, offer, self._talk is not None]
        answer: str = await self.page.evaluate("([n, o, t]) => open_line(n, o, t)", asked)
        return answer

    async def concealed(self, name: str) -> float | None:
        seconds: float | None = await self.page.evaluate("n => concealed(n)", name)
        return seconds

    async def _clock(self) -> float:
        """Our monotonic clock (s) where the page's is 0, by the quickest of some questions."""
        best = (1e9, 0.0)
        for _ in range(PINGS):
            asked = time.monotonic()
            theirs: float = await self.page.evaluate("() => performance.now()")
            answered = time.monotonic()
            best = min(best, (answered - asked, (asked + answered) / 2 - theirs / 1000))
        return best[1]

    async def close(self, name: str) -> Heard:
        zero = await self._clock()
        data = await self.page.evaluate("n => close_line(n)", name)
        sound = np.frombuffer(base64.b64decode(data["sound"]), np.int16)
        return Heard([zero + at / 1_000_000 for at in data["times"]], sound)

    async def stop(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()


if __name__ == "__main__":
    serve(Chromium(what_it_says()))
