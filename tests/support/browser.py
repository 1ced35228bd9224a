"""Chromium for the browser tests: one browser a session, one fresh profile a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.support.console_memory import PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
LIMIT_MS = 15_000
"""Patience of every wait: the machine may be busy."""

STREAMS = """
  window.streams = [];
  window.EventSource = class extends EventSource {
    constructor(...all) { super(...all); streams.push(this); }
  };"""
"""For `Page.add_init_script`: the event streams that the page opens from then on."""

ANSWERED_IN_WORDS = (
    "the server responded with a status of 4",
    "Response Status Error Code 4",
    "EventSource's response has a MIME",
)
"""The browser logs each refused request, and that a refusal is not a stream; the page tells it."""

Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's own Chromium, without any outside traffic."""
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def context(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: Scheme = "light",
    locale: str = "en-GB",
    trusting: bool = False,
) -> Iterator[BrowserContext]:
    """A fresh profile; its pages fail the test on any script error or refused resource.

    A *trusting* one belongs to somebody who went past the warning of a box's own certificate.
    """
    made = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale=locale,
        reduced_motion="reduce",
        ignore_https_errors=trusting,
    )
    made.set_default_timeout(LIMIT_MS)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def watched(profile: BrowserContext, forgiven: re.Pattern[str] | None = None) -> Iterator[Page]:
    """A page that must not complain until left: no script error, no breach of the security policy.

    What is said in *forgiven* words is no complaint.
    """
    page = profile.new_page()
    complaints = watch(page)
    yield page
    assert [words for words in complaints if not (forgiven and forgiven.search(words))] == []


def watch(page: Page) -> list[str]:
    """Collect what the browser complains of: script errors and policy violations."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))

    def heard(message: ConsoleMessage) -> None:
        refused = any(words in message.text for words in ANSWERED_IN_WORDS)
        if message.type in ("error", "warning") and not refused:
            complaints.append(f"console: {message.text}")

    page.on("console", heard)
    return complaints


def sign_in(page: Page, user: str = "sam", password: str = PASSWORD) -> None:
    """By the form, as a person does."""
    page.goto("/sign-in")
    page.locator("[name=user]").fill(user)  # by name, for the page may speak another language
    page.locator("[name=password]").fill(password)
    page.locator("#sign-in button.primary").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def arrive(page: Page, address: str) -> None:
    """Go there, and until its scripts have come and hear of the box."""
    page.goto(address)
    expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")


def screenshot(page: Page, name: str, *, whole: bool = False) -> Path:
    """A picture for people, under ``build/screens``; of the *whole* page or of what is in view."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    path = SCREENS / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    return path
