"""A box that dies in the middle of a call at every platform's real server, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from appliance.demo.box import Box
from tests.platforms.box import kill, listening
from tests.platforms.measured import SETTLED_S, goes_on, nothing_is_left, supervisor_heard_by
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE_S = 10.0
"""From the kill to a platform that holds nothing of ours; a new life takes 1 to 3 s of it."""


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_a_box_killed_whole_leaves_nothing(site: Site, box: Box, live: bool) -> None:
    async with listening(site, box) as at:
        if live:
            await at.person.put("/monitoring/microphone", {"muted": False})
        kill(box.leg, box.control)
        await nothing_is_left(site, GONE_S)
        await goes_on(site, at.call)
        assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await box.until(box.ready)
        ended = await at.on_record()
        assert ended["end_reason"] == "control_lost"
        assert len(ended["barges"]) == live
        assert all(barge["ended_at"] for barge in ended["barges"])
        await at.monitor()
        await at.hears()
        await at.call.customer.hang_up()


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_control_killed_alone_takes_the_session_up_or_ends_it(
    site: Site, box: Box, live: bool
) -> None:
    async with listening(site, box) as at:
        if live:
            await at.person.put("/monitoring/microphone", {"muted": False})
        kill(box.control)
        await box.until(box.ready)
        await asyncio.sleep(SETTLED_S)  # platform and leg are asked what is left
        view = await at.person.get("/monitoring")
        if view["state"] == "idle":
            assert (await at.on_record())["end_reason"] == "control_lost"
            await nothing_is_left(site)
        else:
            assert view["session_id"] == at.session_id
            await at.hears()
        heard = await supervisor_heard_by(at.call)
        if view.get("muted") is False:
            assert live, "nobody asked for that"
            assert min(heard) > HEARD_DBFS
            await at.person.put("/monitoring/microphone", {"muted": True})
            heard = await supervisor_heard_by(at.call)
        assert max(heard) < SILENT_DBFS
        await at.person.request("DELETE", "/monitoring")
        await goes_on(site, at.call)
        await at.call.customer.hang_up()
