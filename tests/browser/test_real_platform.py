"""A real box is given another call platform on the page, and the page comes back by itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.real_box import SUPERVISOR, real_box
from tests.support.browser import context, sign_in, watch
from tests.support.centre import CentreProcess, running_centre


def test_the_list_shows_the_other_platform_s_calls(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with real_box(tmp_path / "box") as box, context(browser, box.world.url) as profile:
        page = profile.new_page()
        complaints = watch(page)
        here, there = (page.get_by_role("row").filter(has_text=who) for who in ("Anna", "Else"))
        stack = AsyncExitStack()

        async def other_centre() -> CentreProcess:
            centre = await stack.enter_async_context(running_centre(tmp_path / "other"))
            boss = await stack.enter_async_context(centre.administrator())
            await boss.create_call(customer="Somebody Else")
            return centre

        try:
            centre = box.do(other_centre())
            box.do(box.admin.create_call(customer="Anna Here"))
            sign_in(page, SUPERVISOR.name, SUPERVISOR.password)
            expect(here).to_be_visible()
            page.get_by_role("link", name="Settings").click()
            page.get_by_label("Address", exact=True).first.fill(centre.ready.url)
            page.locator("[id='set-sandbox.token']").fill(centre.ready.token)
            page.get_by_role("button", name="Test connection").click()
            expect(page.locator("#platform-result")).to_contain_text("can be used")
            page.get_by_role("button", name="Save and use").click()
            expect(page.get_by_text("Saved. The box uses Sandbox now.")).to_be_visible()
            expect(page.locator("#chip-box")).to_have_attribute("data-tone", "good")
            page.get_by_role("link", name="Interactions").click()
            expect(there).to_be_visible()
            expect(here).to_have_count(0)
            assert [words for words in complaints if "ERR_" not in words] == []
        finally:
            box.do(stack.aclose())
