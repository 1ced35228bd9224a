"""What is particular to Asterisk: transfers of a coached call, and a box's sudden death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import LegNeeds
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.asterisk.spying_site import SpyingSite
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.leg_end import LegEnd

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER_HZ, SUPERVISOR_HZ = 1200.0, 2100.0
OUTSIDER = "customer-mulaw"
RTP_TIMEOUT_S = 5
"""As `pjsip.conf` has it for the legs."""
SETTLED_S = 1.3


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[AsteriskSite, SpyingSite],
    ids=lambda kind: kind.name,
)
async def asterisk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[AsteriskSite]:
    async with asterisk_site(tmp_path_factory.mktemp("asterisk"), request.param) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(asterisk: AsteriskSite) -> AsyncIterator[Desk]:
    async with desk_at(asterisk) as desk:
        yield desk


async def test_coaching_goes_on_with_the_agent_after_a_transfer(
    asterisk: AsteriskSite, desk: Desk
) -> None:
    call = await asterisk.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.AGENT)
    await call.transfer("agent-grace")
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) < SILENT_DBFS
    await call.customer.hang_up()


async def test_nobody_but_an_agent_is_coached(asterisk: AsteriskSite, desk: Desk) -> None:
    """The agent hands the call to somebody outside, and later it comes to an agent again."""
    call = await asterisk.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.AGENT)
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    await call.transfer(OUTSIDER)
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) < SILENT_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) < SILENT_DBFS
    await call.agent.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await call.transfer("agent-grace")
    await asyncio.sleep(SETTLED_S + 0.5)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) < SILENT_DBFS
    assert desk.end_of(handle) is None
    await call.customer.hang_up()


async def test_a_leg_that_only_receives_outlives_the_rtp_timeout(
    asterisk: AsteriskSite, desk: Desk
) -> None:
    """It still reports what it receives (RTCP), and that counts (``rtp_timeout`` is 5 s here)."""
    call = await asterisk.call()
    desk.driver.leg = LegNeeds(direction="recvonly", offers=False)
    handle, leg = await desk.join(call.id)
    await call.customer.tone(CUSTOMER_HZ)
    await asyncio.sleep(RTP_TIMEOUT_S + 3)
    assert desk.end_of(handle) is None
    assert leg.level(CUSTOMER_HZ) > HEARD_DBFS
    await call.customer.hang_up()


@pytest.mark.parametrize("direction", ["sendrecv", "recvonly"])
async def test_a_leg_that_vanished_is_cleared_and_named(
    asterisk: AsteriskSite, desk: Desk, direction: Literal["sendrecv", "recvonly"]
) -> None:
    call = await asterisk.call()
    desk.driver.leg = LegNeeds(direction=direction, offers=False)
    handle, leg = await desk.join(call.id)
    await leg.close()
    await desk.until(lambda: desk.end_of(handle) is not None, 12)
    assert desk.end_of(handle) is EndReason.MEDIA_LOST
    await _nothing_is_left(asterisk)
    assert await call.active()
    await call.customer.hang_up()


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.01, 0.02, 0.03])
async def test_a_join_that_is_given_up_leaves_nothing(
    asterisk: AsteriskSite, desk: Desk, after_s: float
) -> None:
    call = await asterisk.call()
    await desk.lists(call.id)
    leg = LegEnd(desk.driver.leg)
    handle = f"bargebox-given-up-{after_s * 1000:.0f}"
    joining = asyncio.create_task(desk.driver.monitor(handle, call.id, "sue", leg))
    await asyncio.sleep(after_s)
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    if not joining.cancelled():  # it was up already
        await desk.driver.leave(handle)
    await asyncio.sleep(0.5)
    await _nothing_is_left(asterisk)
    assert await call.active()
    await leg.close()
    await call.customer.hang_up()


async def _nothing_is_left(asterisk: AsteriskSite) -> None:
    async with asyncio.timeout(10):
        while await asterisk.ours():
            await asyncio.sleep(0.05)
