"""SIP extensions: what can go wrong between CxEngage, the PBX (a real Asterisk) and the box."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.cxengage.driver import CxEngageDriver
from appliance.platforms.protocol import PlatformConnection
from tests.platforms.asterisk.server import ADDRESS, PORT
from tests.platforms.cxengage.helpers import CUSTOMER_HZ, SUE, ended, gone_on, refused
from tests.platforms.cxengage.sip_site import CxEngageSipSite, cxengage_sip_site, sip_settings
from tests.platforms.desk import Desk, desk_at
from tests.platforms.faults.relay import relayed
from tests.platforms.site import HEARD_DBFS

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSY = 486


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CxEngageSipSite]:
    async with cxengage_sip_site(tmp_path_factory.mktemp("pbx")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def site(running: CxEngageSipSite) -> AsyncIterator[CxEngageSipSite]:
    """Without faults; nothing is left over from the test, at the platform or at the PBX."""
    yield running
    await running.standin.do("faults", faults={})
    async with asyncio.timeout(10):
        while left := await running.ours():
            assert left
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(site: CxEngageSipSite) -> AsyncIterator[Desk]:
    async with desk_at(site) as found:
        yield found


def told(found: Desk) -> PlatformConnection:
    return found.of(PlatformConnection)[-1]


async def test_only_the_call_that_was_asked_for_is_taken(site: CxEngageSipSite, desk: Desk) -> None:
    call = await site.call()
    await desk.lists(call.id)
    async with asyncio.timeout(10):
        while (status := await site.standin.do("stray_call", user=SUE)) != BUSY:
            assert status != 200  # the PBX itself knows no way until the box has registered
            await asyncio.sleep(0.1)
    handle, leg = await desk.join(call.id)
    assert await site.standin.do("stray_call", user=SUE) == BUSY
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await desk.leave(handle)
    assert await site.standin.do("stray_call", user=SUE) == BUSY
    await call.customer.hang_up()


async def test_another_caller_than_the_platform_is_not_taken(site: CxEngageSipSite) -> None:
    call = await site.call()
    sip = sip_settings("sue") | {"caller": "+1555*"}
    async with desk_at(site, sip=sip, invite_timeout=2.0, leave_wait=0.5) as found:
        await found.lists(call.id)
        assert (await refused(found, call)).code == EndReason.FAILED
    await call.customer.hang_up()


@pytest.mark.parametrize(
    "faults",
    [{"no_leg_hangup": True}, {"no_end_event": True}],
    ids=["message", "hang-up"],
)
async def test_either_end_alone_ends_session_and_call(
    site: CxEngageSipSite, desk: Desk, faults: dict[str, Any]
) -> None:
    call = await site.call()
    await site.standin.do("faults", faults=faults)
    handle, _ = await desk.join(call.id)
    await call.remove_supervisors()
    assert await ended(desk, handle) is EndReason.REMOVED
    assert await call.active()
    await call.customer.hang_up()


async def test_a_call_that_is_given_up_at_once_leaves_nothing(
    site: CxEngageSipSite, desk: Desk
) -> None:
    call = await site.call()
    await desk.lists(call.id)
    handle, _ = await desk.join(call.id)
    await desk.leave(handle)
    await site.standin.do("faults", faults={"cancel_before_answer": True})
    assert (await refused(desk, call)).code == EndReason.FAILED
    await site.standin.do("faults", faults={})
    handle, _ = await desk.join(call.id)
    await desk.leave(handle)
    await call.customer.hang_up()


async def test_one_s_own_call_loses_the_leg_alone(site: CxEngageSipSite, desk: Desk) -> None:
    call = await site.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = 2100.0
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    await call.transfer(SUE)
    assert await ended(desk, handle) is EndReason.OWN_CALL
    await desk.leave(handle)
    await asyncio.sleep(0.5)
    assert await call.active()
    await call.customer.hang_up()


async def test_a_call_outlives_its_signalling(site: CxEngageSipSite) -> None:
    """Cut on the way, the connection is made again; meanwhile and afterwards all is heard."""
    call = await site.call()
    async with relayed((ADDRESS, PORT)) as relay:
        sip = sip_settings("sue") | {"ws_url": f"{relay.url}/ws"}
        async with desk_at(site, sip=sip) as found:
            handle, leg = await found.join(call.id)
            relay.cut()
            await gone_on(found, handle, call)
            await call.customer.tone(CUSTOMER_HZ)
            await found.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            await found.leave(handle)
            handle, _ = await found.join(call.id)
            await found.leave(handle)
            assert found.connected()
    await call.customer.hang_up()


async def test_the_loss_of_the_pbx_is_named_and_survived(site: CxEngageSipSite, desk: Desk) -> None:
    call = await site.call()
    handle, _ = await desk.join(call.id)
    await site.pbx.kill()
    await desk.until(lambda: not desk.connected(), 15)
    assert f"ws://{ADDRESS}" in told(desk).detail
    assert "SIP" in told(desk).detail
    # The list goes on all the while.
    other = await site.call()
    await desk.lists(other.id)
    assert "SIP" in (await refused(desk, other)).detail
    await site.pbx.start()
    await desk.until(desk.connected, 20)
    if desk.end_of(handle) is None:
        await desk.leave(handle)
    await until(lambda: site.standin.do("trunk_ready"))
    handle, leg = await desk.join(other.id)
    await other.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await desk.leave(handle)
    for one in (call, other):
        await one.customer.hang_up()


async def test_a_dead_session_takes_its_call_along(site: CxEngageSipSite, desk: Desk) -> None:
    call = await site.call()
    handle, _ = await desk.join(call.id)
    await site.standin.do("faults", faults={"no_leg_hangup": True})
    await site.standin.do("expire", what="sessions")
    await desk.until(lambda: desk.end_of(handle) is not None)
    assert desk.end_of(handle) in (EndReason.PLATFORM_LOST, EndReason.REMOVED)
    async with asyncio.timeout(10):
        while await site.ours():
            await asyncio.sleep(0.05)
    await call.customer.hang_up()


async def test_a_pbx_that_does_not_let_the_box_in_is_named(site: CxEngageSipSite) -> None:
    sip = sip_settings("sue") | {"password": "not-the-one"}
    call = await site.call()
    async with desk_at(site, sip=sip) as found:
        await found.lists(call.id)
        detail = (await refused(found, call)).detail
        assert "box-sue" in detail
        assert "not-the-one" not in detail
    driver = CxEngageDriver(site.standin.driver_settings(sip=sip))
    last = (await driver.check())[-1]
    assert (last.step, last.passed, last.detail) == ("media", False, detail)
    await call.customer.hang_up()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.05)
