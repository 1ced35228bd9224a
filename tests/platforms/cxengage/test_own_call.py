"""One's own call is never ended, and leaving works without the platform's help."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import PlatformError
from tests.platforms.cxengage.helpers import (
    INTERRUPTS,
    LIST,
    SUE,
    desk,
    ended,
    fault,
    new_call,
    refused,
)
from tests.platforms.cxengage.process import StandinProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_s_own_call_is_refused(standin: StandinProcess) -> None:
    call = await new_call(standin, agent=SUE)
    async with desk(standin) as found:
        interaction = await found.lists(call.id)
        assert interaction.not_monitorable_reason is EndReason.OWN_CALL
        assert (await refused(found, call)).code == EndReason.OWN_CALL
    await call.customer.hang_up()


@pytest.mark.parametrize("poll", [0.25, 60.0], ids=["seen", "not-seen-yet"])
async def test_a_transfer_to_ourselves_lets_only_the_leg_go(
    standin: StandinProcess, poll: float
) -> None:
    call = await new_call(standin)
    async with desk(standin, poll_interval=poll) as found:
        handle, _ = await found.join(call.id)
        await call.transfer(SUE)
        if poll < 1:
            assert await ended(found, handle) is EndReason.OWN_CALL
        await found.leave(handle)
        await asyncio.sleep(0.5)
        assert await call.active()
    await call.customer.hang_up()


async def test_a_transfer_to_ourselves_while_the_list_is_away_ends_nothing(
    standin: StandinProcess,
) -> None:
    """Who handles the call cannot be known, so nothing is removed from it."""
    call = await new_call(standin)
    async with desk(standin, request_timeout=1.0, poll_interval=60) as found:
        handle, _ = await found.join(call.id)
        await standin.do("faults", faults=fault(LIST, 500, 50))
        await call.transfer(SUE)
        await found.leave(handle)
        await standin.do("faults", faults={})
        await asyncio.sleep(0.5)
        assert await call.active()
    await call.customer.hang_up()


async def test_a_call_that_is_offered_to_ourselves_is_not_touched_before_the_list_tells(
    standin: StandinProcess,
) -> None:
    call = await new_call(standin)
    async with desk(standin, leave_wait=0.5) as found:
        handle, _ = await found.join(call.id)
        session = (await standin.do("seen"))["sessions"][SUE]
        offer = {"type": "work-offer", "sessionId": session, "interactionId": call.id}
        await standin.do("push", user=SUE, message=offer)
        async with asyncio.timeout(10):
            while (await standin.do("seen"))["queued"][SUE]:
                await asyncio.sleep(0.05)
        with pytest.raises(PlatformError) as refusal:
            await found.driver.set_audience(handle, Audience.EVERYONE)
        assert refusal.value.code == EndReason.OWN_CALL
        before = len((await standin.do("seen"))["requests"])
        await found.leave(handle)
        asked = (await standin.do("seen"))["requests"][before:]
        assert not [path for _, path, _ in asked if path.endswith(INTERRUPTS)]
        assert await call.active()
        assert (await refused(found, call)).code == EndReason.OWN_CALL
    await call.customer.hang_up()


async def test_a_transfer_to_ourselves_that_ends_the_monitoring_is_named(
    standin: StandinProcess,
) -> None:
    """Where the platform itself takes the leg out, since its owner is an agent now."""
    call = await new_call(standin)
    async with desk(standin, poll_interval=60) as found:
        handle, _ = await found.join(call.id)
        await call.transfer(SUE)
        await call.remove_supervisors()
        assert await ended(found, handle) is EndReason.OWN_CALL
        assert await call.active()
    await call.customer.hang_up()


@pytest.mark.parametrize("where", [INTERRUPTS, LIST], ids=["remove", "list"])
async def test_leaving_without_the_platform_s_help_lets_the_leg_go(
    standin: StandinProcess, where: str
) -> None:
    call = await new_call(standin)
    async with desk(standin, request_timeout=1.0, poll_interval=60) as found:
        handle, _ = await found.join(call.id)
        await standin.do("faults", faults=fault(where, 500, 50))
        await found.leave(handle)
        assert not [left for left in await standin.do("ours") if "sue" in left]
        assert await call.active()
        await standin.do("faults", faults={})
    await call.customer.hang_up()
