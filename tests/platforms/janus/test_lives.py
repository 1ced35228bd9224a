"""What a new life of control makes of a leg that the former one left at Janus."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.words import Audience
from tests.platforms.desk import desk_at
from tests.platforms.janus.site import JanusSite
from tests.platforms.measured import (
    AGENT_HZ,
    CUSTOMER_HZ,
    SUPERVISOR_HZ,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS

UNDER_WAY_S = 0.5
"""What was said before is on its way to the ears for so long."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("audience", Audience)
async def test_a_new_life_silences_what_the_former_one_said(
    janus: JanusSite, audience: Audience
) -> None:
    call = await janus.call()
    async with desk_at(janus) as first:
        handle, leg = await first.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await first.driver.set_audience(handle, audience)
        assert max(await supervisor_heard_by(call)) > HEARD_DBFS
        await first.driver.stop()
        async with desk_at(janus) as second:
            assert await second.driver.resume(handle, leg)
            await asyncio.sleep(UNDER_WAY_S)
            assert max(await supervisor_heard_by(call)) < SILENT_DBFS
            await call.customer.tone(CUSTOMER_HZ)
            await second.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            await second.driver.set_audience(handle, Audience.EVERYONE)
            assert leg.speaking is not None
            await second.driver.leave(handle)
            await nothing_is_left(janus)
            assert await call.active()
    await call.customer.hang_up()


@pytest.mark.parametrize("speaking", [True, False], ids=["speaking", "listening"])
async def test_a_new_life_follows_transfers(janus: JanusSite, speaking: bool) -> None:
    call = await janus.call(agent_id=janus.agent_ids[0])
    async with desk_at(janus, speaking=speaking) as first:
        handle, leg = await first.join(call.id)
        await call.transfer(janus.agent_ids[1])
        await call.agent.tone(AGENT_HZ)
        await first.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
        await first.driver.stop()
        async with desk_at(janus, speaking=speaking) as second:
            assert await second.driver.resume(handle, leg)
            for agent, hz in ((janus.agent_ids[0], 700.0), (janus.agent_ids[1], 900.0)):
                await call.transfer(agent)
                await call.agent.tone(hz)
                await second.until(lambda hz=hz: leg.level(hz) > HEARD_DBFS)  # type: ignore[misc]
            leg.track.hz = SUPERVISOR_HZ
            assert max(await supervisor_heard_by(call)) < SILENT_DBFS
            assert second.end_of(handle) is None
            await second.driver.leave(handle)
            await nothing_is_left(janus)
            assert await call.active()
    await call.customer.hang_up()


async def test_a_transfer_between_two_lives_is_followed(janus: JanusSite) -> None:
    call = await janus.call(agent_id=janus.agent_ids[0])
    async with desk_at(janus) as first:
        handle, leg = await first.join(call.id)
        await first.driver.stop()
        await call.transfer(janus.agent_ids[1])
        await call.agent.tone(AGENT_HZ)
        async with desk_at(janus) as second:
            assert await second.driver.resume(handle, leg)
            await second.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
            await second.driver.leave(handle)
    await nothing_is_left(janus)
    await call.customer.hang_up()


async def test_a_voice_that_cannot_be_silenced_is_taken_away(janus: JanusSite) -> None:
    call = await janus.call()
    async with desk_at(janus) as first:
        handle, leg = await first.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await first.driver.set_audience(handle, Audience.EVERYONE)
        await first.driver.stop()
        async with desk_at(janus, bridge_secret="") as second:
            assert not await second.driver.resume(handle, leg)
            await nothing_is_left(janus)
            await asyncio.sleep(UNDER_WAY_S)
            assert max(await supervisor_heard_by(call)) < SILENT_DBFS
            assert await call.active()
    await call.customer.hang_up()


async def test_a_leg_that_nobody_takes_up_goes_by_itself(janus: JanusSite) -> None:
    call = await janus.call()
    async with desk_at(janus) as desk:
        handle, _ = await desk.join(call.id)
        await desk.driver.stop()
        async with desk_at(janus) as later:
            await later.driver.leave(handle)  # as the box does for all that it wrote down
            await nothing_is_left(janus)
    await call.customer.hang_up()
