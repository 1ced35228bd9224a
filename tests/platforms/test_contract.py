"""The promises of every call platform, kept by each driver at its real server.

Measured where it counts: tones at the parties' ears and at the leg's, never flags.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import Capability, PlatformConnection
from tests.platforms.desk import Desk, desk_at, twin_of
from tests.platforms.measured import (
    AGENT_HZ,
    CUSTOMER_HZ,
    SETTLED_S,
    SUPERVISOR_HZ,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.platforms.site import (
    HEARD_DBFS,
    LISTS_ONLY_MONITORABLE,
    SILENT_DBFS,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEN_S = 2.0
"""An end of the call is told of within this; how fast it really is, the bench shows."""


@pytest_asyncio.fixture(loop_scope="module")
async def desk(site: Site) -> AsyncIterator[Desk]:
    """A desk; whatever it makes at the site is gone afterwards."""
    async with desk_at(site) as desk:
        yield desk
    await nothing_is_left(site)


async def test_a_call_is_listed_with_its_agent(site: Site, desk: Desk) -> None:
    call = await site.call(agent_id=site.agent_ids[0])
    interaction = await desk.lists(call.id)
    assert [agent.id for agent in interaction.agents] == [site.agent_ids[0]]
    assert interaction.monitorable
    await call.customer.hang_up()
    await desk.until(lambda: call.id not in desk.interactions())


async def test_joining_is_silent_and_both_sides_are_heard(site: Site, desk: Desk) -> None:
    call = await site.call()
    before = [await party.notices() for party in (call.agent, call.customer)]
    _, leg = await desk.join(call.id)
    leg.track.hz = None
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    assert max(await supervisor_heard_by(call)) < SILENT_DBFS
    assert [await party.notices() for party in (call.agent, call.customer)] == before
    await call.customer.hang_up()


async def test_a_tone_at_an_unheard_leg_reaches_nobody(site: Site, desk: Desk) -> None:
    """What the platform promises by itself; the box's gate is closed besides."""
    call = await site.call()
    _, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    assert max(await supervisor_heard_by(call)) < SILENT_DBFS
    await call.customer.hang_up()


async def test_barge_reaches_both_and_mute_ends_it(site: Site, desk: Desk) -> None:
    call = await site.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    assert min(await supervisor_heard_by(call)) > HEARD_DBFS
    await desk.driver.set_audience(handle, None)
    assert max(await supervisor_heard_by(call)) < SILENT_DBFS
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    assert min(await supervisor_heard_by(call)) > HEARD_DBFS
    await call.customer.hang_up()


async def test_coaching_reaches_the_agent_only(site: Site, desk: Desk) -> None:
    call = await site.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    if Capability.COACH not in desk.driver.capabilities:
        with pytest.raises(Exception, match=r"."):
            await desk.driver.set_audience(handle, Audience.AGENT)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
    else:
        await desk.driver.set_audience(handle, Audience.AGENT)
        agent, customer = await supervisor_heard_by(call)
        assert agent > HEARD_DBFS
        assert customer < SILENT_DBFS
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
    await call.customer.hang_up()


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_leaving_ends_nothing_but_the_own_leg(site: Site, desk: Desk, live: bool) -> None:
    call = await site.call()
    handle, _ = await desk.join(call.id)
    if live:
        await desk.driver.set_audience(handle, Audience.EVERYONE)
    await desk.leave(handle)
    await nothing_is_left(site)
    await call.agent.tone(AGENT_HZ)
    await asyncio.sleep(SETTLED_S)
    assert await call.active()
    assert call.id in desk.interactions()
    assert desk.end_of(handle) is None
    await desk.driver.leave(handle)  # once more does no harm
    await call.customer.hang_up()


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_a_partys_end_is_seen_and_named(site: Site, desk: Desk, side: str) -> None:
    call = await site.call()
    handle, _ = await desk.join(call.id)
    party = call.agent if side == "agent" else call.customer
    await party.hang_up()
    took = await desk.until(lambda: desk.end_of(handle) is not None)
    # A platform that does not say which of the two it was says so.
    assert desk.end_of(handle) in (EndReason(f"{side}_ended"), EndReason.CALL_ENDED)
    assert took < SEEN_S
    await desk.until(lambda: call.id not in desk.interactions())


async def test_being_thrown_out_is_seen_and_the_call_goes_on(site: Site, desk: Desk) -> None:
    call = await site.call()
    handle, _ = await desk.join(call.id)
    await call.remove_supervisors()
    await desk.until(lambda: desk.end_of(handle) is not None)
    assert desk.end_of(handle) is EndReason.REMOVED
    assert await call.active()
    await call.customer.hang_up()


async def test_another_supervisor_hears_too_and_neither_the_other(site: Site, desk: Desk) -> None:
    call = await site.call()
    async with desk_at(site) as other:
        _, first = await desk.join(call.id)
        handle, second = await other.join(call.id, supervisor="tom")
        second.track.hz = SUPERVISOR_HZ
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: min(e.level(CUSTOMER_HZ) for e in (first, second)) > HEARD_DBFS)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        assert first.level(SUPERVISOR_HZ) < HEARD_DBFS
        await other.leave(handle)
        await asyncio.sleep(0.5)
        assert first.level(CUSTOMER_HZ) > HEARD_DBFS
    await call.customer.hang_up()


async def test_from_one_call_to_another(site: Site, desk: Desk) -> None:
    calls = [await site.call(agent_id=agent) for agent in site.agent_ids]
    for call in calls:
        handle, leg = await desk.join(call.id)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda leg=leg: leg.level(CUSTOMER_HZ) > HEARD_DBFS)  # type: ignore[misc]
        await desk.leave(handle)
        assert await call.active()
    for call in calls:
        await call.customer.hang_up()


@pytest.mark.parametrize("live", [False, True], ids=["listening", "live"])
async def test_a_dead_leg_gives_way_to_a_fresh_one_that_nobody_hears(
    site: Site, desk: Desk, live: bool
) -> None:
    """As after a network gap: the same person, the same call, another handle and connection."""
    call = await site.call()
    dead, end = await desk.join(call.id)
    if live:
        end.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(dead, Audience.EVERYONE)
    await end.vanish()
    await desk.driver.leave(dead)
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    assert max(await supervisor_heard_by(call)) < SILENT_DBFS
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    assert min(await supervisor_heard_by(call)) > HEARD_DBFS
    await desk.driver.leave(dead)  # once more does the fresh one no harm
    assert min(await supervisor_heard_by(call)) > HEARD_DBFS
    assert desk.end_of(handle) is None
    await desk.leave(handle)
    await nothing_is_left(site)
    assert await call.active()
    await call.customer.hang_up()


async def test_a_transfer_is_followed(site: Site, desk: Desk) -> None:
    call = await site.call(agent_id=site.agent_ids[0])
    handle, leg = await desk.join(call.id)
    await call.transfer(site.agent_ids[1])
    if Capability.FOLLOW not in desk.driver.capabilities:
        await desk.until(lambda: desk.end_of(handle) is not None)
    else:
        # The box refuses one's own call by the agents that it is told of here.
        await desk.until(
            lambda: (
                [a.id for a in desk.interactions()[call.id].agents] == [site.agent_ids[1]]
                if call.id in desk.interactions()
                else False
            )
        )
        await call.agent.tone(AGENT_HZ)
        await desk.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
        assert desk.end_of(handle) is None
        await desk.leave(handle)
        assert await call.active()
    await call.customer.hang_up()


async def test_a_hold_ends_nothing(site: Site, desk: Desk) -> None:
    call = await site.call()
    handle, leg = await desk.join(call.id)
    await call.hold(held=True)
    if Capability.SEES_HOLD in desk.driver.capabilities:
        await desk.until(lambda: desk.interactions()[call.id].state == "on-hold")
    await asyncio.sleep(0.5)
    await call.hold(held=False)
    if Capability.SEES_HOLD in desk.driver.capabilities:
        await desk.until(lambda: desk.interactions()[call.id].state == "in-conversation")
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    assert desk.end_of(handle) is None
    await call.customer.hang_up()


@pytest.mark.parametrize(
    ("monitoring", "reason"),
    [("absent", EndReason.NO_MONITORING_OBJECT), ("off", EndReason.MONITORING_DISABLED)],
)
async def test_calls_that_may_not_be_monitored_say_why(
    site: Site, desk: Desk, monitoring: str, reason: EndReason
) -> None:
    call = await site.call(monitoring=monitoring)
    if site.name in LISTS_ONLY_MONITORABLE:
        await desk.lists((await site.call()).id)  # made later: the list is as new as that
        assert call.id not in desk.interactions()
    else:
        interaction = await desk.lists(call.id)
        assert not interaction.monitorable
        assert interaction.not_monitorable_reason is reason
    assert (await desk.refused(call.id)).code == reason
    assert await call.active()
    await call.customer.hang_up()


async def test_a_call_that_is_not_there_is_refused(site: Site, desk: Desk) -> None:
    refusal = await desk.refused("no-such-call")
    assert refusal.detail.endswith(".")


async def test_a_former_life_finds_its_leg_or_is_told_that_it_is_gone(site: Site) -> None:
    call = await site.call()
    async with desk_at(site) as first:
        handle, leg = await first.join(call.id)
        await first.driver.stop()
        async with desk_at(site) as second:
            if await second.driver.resume(handle, leg):
                await call.customer.tone(CUSTOMER_HZ)
                await second.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
            await second.driver.leave(handle)
            await nothing_is_left(site)
            assert await call.active()
    await call.customer.hang_up()


async def test_wrong_credentials_are_said_in_words(site: Site) -> None:
    driver = site.driver(**site.wrong_credentials)
    desk = Desk(driver)
    await driver.start(desk.events.append)
    await desk.until(lambda: bool(desk.of(PlatformConnection)))
    told = desk.of(PlatformConnection)[0]
    assert not told.connected
    assert told.detail.endswith(".")
    assert not any(str(secret) in told.detail for secret in site.wrong_credentials.values())
    await driver.stop()


async def test_the_connection_check_walks_its_steps(site: Site) -> None:
    good = await site.driver().check()
    assert good[0].step == "address"
    assert all(check.passed for check in good), good
    assert {"sign_in", "list"} <= {check.step for check in good}
    bad = await site.driver(**site.wrong_credentials).check()
    assert not bad[-1].passed
    assert bad[-1].step == "sign_in"
    assert all(check.passed for check in bad[:-1])


async def test_a_check_takes_nothing_from_who_is_at_work(site: Site, desk: Desk) -> None:
    """As the form makes it: by a driver of its own, with the same account and endpoint."""
    call = await site.call()
    handle, leg = await desk.join(call.id)
    assert all(check.passed for check in await twin_of(desk.driver).check())
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    assert desk.end_of(handle) is None
    await desk.leave(handle)
    await desk.join(call.id)  # the platform still reaches the box
    assert not [told for told in desk.of(PlatformConnection) if not told.connected]
    await call.customer.hang_up()


async def test_a_thousand_interactions_are_listed(site: Site) -> None:
    await site.listed(1000)
    async with desk_at(site) as desk:
        await desk.until(lambda: len(desk.interactions()) >= 1000, 20)
    await site.listed(0)


async def test_the_platforms_restart_is_seen_and_survived(site: Site, desk: Desk) -> None:
    """Last, since every call of before is gone with it."""
    call = await site.call()
    handle, _ = await desk.join(call.id)
    await site.stop()
    await desk.until(lambda: not desk.connected(), 20)
    await site.start()
    await desk.until(desk.connected, 30)
    await desk.until(lambda: desk.end_of(handle) is not None, 20)
    again = await site.call()
    _, leg = await desk.join(again.id)
    await again.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    await again.customer.hang_up()
