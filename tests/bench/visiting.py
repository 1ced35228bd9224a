"""Somebody's pages in a real Chromium whose processor is slowed down, as a small computer's is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, CDPSession, Page

from appliance.demo.box import Person
from tests.support.browser import context, sign_in

SLOWED = 4
SIGN = "#chip-box[data-tone=good]"
"""All of a page's scripts have started by then, and the box's state is shown."""
LIMIT_MS = 30_000

WHEN_INTERACTIVE = f"""
globalThis.interactive = new Promise((found, failed) => {{
  setTimeout(() => failed(new Error("never interactive: " + location)), {LIMIT_MS});
  // In a task after the frame that shows it: by then nothing keeps a press waiting.
  const drawn = () => requestAnimationFrame(() => {{
    const after = new MessageChannel();
    after.port1.onmessage = () => found(performance.now());
    after.port2.postMessage(null);
  }});
  const watch = new MutationObserver(() => {{
    if (!document.querySelector("{SIGN}")) return;
    watch.disconnect();
    drawn();
  }});
  watch.observe(document, {{ subtree: true, childList: true, attributeFilter: ["data-tone"] }});
}});
"""
WORK = """() => {
  const begun = performance.now();
  let sum = 0;
  for (let i = 0; i < 2e7; i++) sum = (sum * 31 + i) % 65521;
  return performance.now() - begun;
}"""


class Slowed:
    """A tab whose processor is slowed down."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._page.add_init_script(WHEN_INTERACTIVE)
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self.slow_down(SLOWED)

    def slow_down(self, times: int) -> None:
        """From now on; 1 is as it is."""
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": times})

    def load(self, address: str) -> float:
        """Milliseconds from the navigation until a press works, as the page's own clock has it."""
        self._page.goto("about:blank")
        self._page.goto(address, wait_until="commit")
        return float(self._page.evaluate("globalThis.interactive"))

    def slowness(self) -> float:
        """How many times slower the page works than without."""
        slow = min(self._page.evaluate(WORK) for _ in range(3))
        self.slow_down(1)
        fast = min(self._page.evaluate(WORK) for _ in range(3))
        self.slow_down(SLOWED)
        return float(slow / fast)


class Visitor:
    """Someone who is signed in."""

    def __init__(self, browser: Browser, url: str, someone: Person) -> None:
        self._browser, self._url = browser, url
        with context(browser, url) as profile:
            sign_in(profile.new_page(), someone.name, someone.password)
            kept = profile.cookies()
        self.cookies = {cookie["name"]: cookie["value"] for cookie in kept}

    @contextmanager
    def page(self) -> Iterator[Slowed]:
        """A tab of a fresh profile: nothing is in its cache."""
        with context(self._browser, self._url) as profile:
            for name, value in self.cookies.items():
                profile.add_cookies([{"name": name, "value": value, "url": self._url}])
            yield Slowed(profile.new_page())

    def cold(self, address: str) -> float:
        """As `Slowed.load`, in such a tab."""
        with self.page() as page:
            return page.load(address)
