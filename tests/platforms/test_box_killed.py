"""A box that dies in the middle of a call at every platform's real server, and comes back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.demo.box import Box
from tests.platforms.box import box_at, kill, listening
from tests.platforms.measured import goes_on, nothing_is_left, supervisor_heard_by
from tests.platforms.site import SILENT_DBFS, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE_S = 10.0
"""From the kill to a platform that holds nothing of ours; a new life takes 1 to 3 s of it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box_of_site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    async with box_at(site, tmp_path_factory.mktemp("box")) as box:
        yield box


@pytest_asyncio.fixture(loop_scope="module")
async def box(site: Site, box_of_site: Box) -> AsyncIterator[Box]:
    """The site's box, up; whatever it makes there is gone afterwards."""
    await box_of_site.until(box_of_site.ready)
    yield box_of_site
    await nothing_is_left(site)


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_a_box_killed_whole_leaves_nothing(site: Site, box: Box, live: bool) -> None:
    async with listening(site, box) as at:
        if live:
            await at.person.put("/monitoring/microphone", {"muted": False})
        killed = kill(box.leg, box.control)
        await nothing_is_left(site, GONE_S)
        print(f"{site.name}: nothing left {time.monotonic() - killed:.2f} s after the kill")
        await goes_on(site, at.call)
        assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await box.until(box.ready)
        ended = await at.on_record()
        assert ended["end_reason"] == "control_lost"
        assert len(ended["barges"]) == live
        assert all(barge["ended_at"] for barge in ended["barges"])
        again = await at.person.post(f"/interactions/{at.call.id}/monitor")
        at.session_id = again["session_id"]
        await at.hears()
        await at.call.customer.hang_up()


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_control_killed_alone_takes_the_session_up_or_ends_it(
    site: Site, box: Box, live: bool
) -> None:
    async with listening(site, box) as at:
        if live:
            await at.person.put("/monitoring/microphone", {"muted": False})
        killed = kill(box.control)
        await box.until(box.ready)
        view = await at.person.get("/monitoring")
        print(f"{site.name}: back after {time.monotonic() - killed:.2f} s as {view['state']}")
        await goes_on(site, at.call)
        await at.call.customer.hang_up()
