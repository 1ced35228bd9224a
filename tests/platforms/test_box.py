"""The whole box at every platform's real server: what people do at it, and what the parties hear.

Nothing of the box is replaced: its two processes, driven by API, command line and buttons.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from appliance.control_link.words import Button
from appliance.demo.box import Box
from appliance.platforms.protocol import Capability
from tests.platforms.box import GRACE, Listening, command, listening, tap
from tests.platforms.measured import goes_on, nothing_is_left, supervisor_heard_by
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, Site
from tests.support.demo_world import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEN_S = 2.0
"""An end of the call is told of within this; how fast it really is, the bench shows."""
MICROPHONE = "/monitoring/microphone"

Way = Callable[[Listening, str], Awaitable[None]]


async def by_button(at: Listening, wish: str) -> None:
    await tap(at.box, Button.MICROPHONE)
    await at.person.until("/monitoring", muted=wish == "mute")


async def by_api(at: Listening, wish: str) -> None:
    await at.person.put(MICROPHONE, {"muted": wish == "mute", "audience": "everyone"})


async def by_command_line(at: Listening, wish: str) -> None:
    assert "microphone" in await command(at.box, wish)


async def test_joining_is_silent_and_both_sides_are_heard(site: Site, box: Box) -> None:
    call = await site.call(agent_id=site.agent_ids[0])
    before = [await party.notices() for party in (call.agent, call.customer)]
    async with listening(site, box, call=call) as at:
        await at.hears()
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        assert [await party.notices() for party in (call.agent, call.customer)] == before
        await call.customer.hang_up()


@pytest.mark.parametrize("way", [by_button, by_api, by_command_line])
async def test_both_hear_the_supervisor_until_mute(site: Site, box: Box, way: Way) -> None:
    async with listening(site, box) as at:
        for _ in range(2):
            await way(at, "unmute")
            assert min(await supervisor_heard_by(at.call)) > HEARD_DBFS
            await way(at, "mute")
            assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await at.call.customer.hang_up()


async def test_coaching_reaches_the_agent_only(site: Site, box: Box) -> None:
    async with listening(site, box) as at:
        wish = {"muted": False, "audience": "agent"}
        if Capability.COACH in site.driver().capabilities:
            await at.person.put(MICROPHONE, wish)
            agent, customer = await supervisor_heard_by(at.call)
            assert agent > HEARD_DBFS
            assert customer < SILENT_DBFS
            await at.person.put(MICROPHONE, {"muted": True})
        else:
            refused = await at.person.request("PUT", MICROPHONE, wish)
            assert (refused.status_code, refused.json()["code"]) == (409, "not_supported")
        assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await at.call.customer.hang_up()


async def test_the_command_line_joins_and_leaves(site: Site, box: Box) -> None:
    call = await site.call(agent_id=site.agent_ids[0])
    async with Person(box) as person:
        await person.listed(call.id)
        assert call.id in await command(box, "interactions")
        assert "microphone muted" in await command(box, "monitor", call.id)
        at = Listening(box, person, call, (await person.get("/monitoring"))["session_id"])
        await at.hears()
        await command(box, "hangup")
        assert (await at.over())["reason"] == "hung_up"
    await goes_on(site, call)
    await call.customer.hang_up()


async def leave_by_button(at: Listening) -> None:
    await tap(at.box, Button.HANG_UP)


async def leave_by_api(at: Listening) -> None:
    await at.person.delete("/monitoring")


@pytest.mark.parametrize("leave", [leave_by_button, leave_by_api])
async def test_leaving_ends_nothing_but_the_own_leg(
    site: Site, box: Box, leave: Callable[[Listening], Awaitable[None]]
) -> None:
    async with listening(site, box) as at:
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        await leave(at)
        assert (await at.over())["reason"] == "hung_up"
        await nothing_is_left(site)
        await goes_on(site, at.call)
        assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await at.call.customer.hang_up()


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_a_partys_end_ends_the_session_with_its_reason(
    site: Site, box: Box, side: str
) -> None:
    async with listening(site, box) as at:
        party = at.call.agent if side == "agent" else at.call.customer
        await party.hang_up()
        hung_up = time.monotonic()
        # A platform that does not say which of the two it was says so.
        assert (await at.over())["reason"] in (f"{side}_ended", "call_ended")
        assert time.monotonic() - hung_up < SEEN_S


async def test_being_thrown_out_is_named_and_the_call_goes_on(site: Site, box: Box) -> None:
    async with listening(site, box) as at:
        await at.call.remove_supervisors()
        assert (await at.over())["reason"] == "removed"
        await nothing_is_left(site)
        await goes_on(site, at.call)
        await at.call.customer.hang_up()


async def test_ones_own_call_is_refused(site: Site, box: Box) -> None:
    call = await site.call(agent_id=site.agent_ids[1])
    async with Person(box, GRACE) as grace:
        await grace.listed(call.id)
        row = await grace.get(f"/interactions/{call.id}")
        assert (row["monitorable"], row["not_monitorable_reason"]) == (False, "own_call")
        refused = await grace.request("POST", f"/interactions/{call.id}/monitor")
        assert (refused.status_code, refused.json()["code"]) == (403, "own_call")
    assert await site.ours() == []
    await goes_on(site, call)
    await call.customer.hang_up()


async def test_a_call_that_becomes_ones_own_goes_on_without_us(site: Site, box: Box) -> None:
    async with listening(site, box, GRACE) as at:
        await at.person.put(MICROPHONE, {"muted": False, "audience": "everyone"})
        await at.call.transfer(site.agent_ids[1])
        assert (await at.over())["reason"] == "own_call"
        await nothing_is_left(site)
        await goes_on(site, at.call)
        assert max(await supervisor_heard_by(at.call)) < SILENT_DBFS
        await at.call.customer.hang_up()
