"""One's own call is never ended, and leaving works without the platform's help."""

from __future__ import annotations

import asyncio

import pytest

from appliance.control_link.words import EndReason
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
