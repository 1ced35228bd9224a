"""How a page looks to everybody: axe, width, targets, and a picture for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.browser import Scheme, context, screenshot, watched
from tests.support.console_served import Served

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], input, select, summary')]
  .filter(element => element.checkVisibility() && !element.closest('.vh, .skip'))
  .map(element => [element.closest('label') ?? element, element])
  .map(([target, element]) => [element, target.getBoundingClientRect()])
  .filter(([element, box]) => box.width < 24 || box.height < 24)
  .map(([element, box]) => `${element.outerHTML.slice(0, 80)} ${box.width}×${box.height}`)"""


def faults(page: Page) -> list[str]:
    """What axe finds, best practices included."""
    page.evaluate(AXE)
    result: dict[str, Any] = page.evaluate("() => axe.run(document)")
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in result["violations"]
        for node in fault["nodes"]
    ]


def inspect(page: Page, name: str, *, whole: bool = False) -> None:
    """Axe, no sideways scrolling, targets of 24 px; and a picture for people."""
    screenshot(page, name, whole=whole)
    assert faults(page) == [], name
    width = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], (name, width)
    assert page.evaluate(SMALL_TARGETS) == [], name


@contextmanager
def visit(
    browser: Browser, server: Served, size: str, scheme: Scheme, locale: str = "en-GB"
) -> Iterator[Page]:
    width, height = SIZES[size]
    with (
        context(
            browser, server.url, width=width, height=height, scheme=scheme, locale=locale
        ) as profile,
        watched(profile) as page,
    ):
        yield page
