"""Barging in through the call's own bridge: heard by parties that send nothing, and gone again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import PlatformError
from tests.platforms.asterisk.people import Person
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS, SiteCall
from tests.support.leg_end import LegEnd

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUPERVISOR_HZ = 2100.0
SETTLED_S = 1.3
SEEN_S = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsteriskSite]:
    async with asterisk_site(tmp_path_factory.mktemp("asterisk")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(asterisk: AsteriskSite) -> AsyncIterator[Desk]:
    """A desk that barges by the bridge; nothing is left afterwards."""
    async with desk_at(asterisk, barge_by="bridge") as desk:
        yield desk
    await _nothing_is_left(asterisk)


async def _nothing_is_left(asterisk: AsteriskSite) -> None:
    async with asyncio.timeout(10):
        while await asterisk.ours():
            await asyncio.sleep(0.05)


async def _barge(desk: Desk, call: SiteCall) -> tuple[str, LegEnd]:
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    return handle, leg


async def _heard(call: SiteCall) -> tuple[float, float]:
    await asyncio.sleep(SETTLED_S)
    return await call.agent.level(SUPERVISOR_HZ), await call.customer.level(SUPERVISOR_HZ)


def _stop_sending(*parties: object) -> None:
    for party in parties:
        assert isinstance(party, Person)
        party.sound.sending = False


async def test_who_sends_nothing_hears_it_too(asterisk: AsteriskSite, desk: Desk) -> None:
    """As whispering does not: it mixes into the packets that pass."""
    call = await asterisk.call()
    before = [await party.notices() for party in (call.agent, call.customer)]
    handle, _ = await _barge(desk, call)
    _stop_sending(call.agent, call.customer)
    assert min(await _heard(call)) > HEARD_DBFS
    await desk.driver.set_audience(handle, None)
    assert max(await _heard(call)) < SILENT_DBFS
    assert [await party.notices() for party in (call.agent, call.customer)] == before
    await call.customer.hang_up()


async def test_a_whisper_needs_packets_to_mix_into(asterisk: AsteriskSite) -> None:
    """What the setting is for. If Asterisk learns better, the setting can go."""
    call = await asterisk.call()
    async with desk_at(asterisk) as desk:
        await _barge(desk, call)
        assert min(await _heard(call)) > HEARD_DBFS
        _stop_sending(call.customer)
        agent, customer = await _heard(call)
        assert agent < SILENT_DBFS
        assert customer > HEARD_DBFS
    await call.customer.hang_up()


async def test_muting_and_opening_again_and_again(asterisk: AsteriskSite, desk: Desk) -> None:
    call = await asterisk.call()
    handle, leg = await _barge(desk, call)
    for _ in range(2):
        assert min(await _heard(call)) > HEARD_DBFS
        await desk.driver.set_audience(handle, Audience.AGENT)
        agent, customer = await _heard(call)
        assert agent > HEARD_DBFS
        assert customer < SILENT_DBFS
        await desk.driver.set_audience(handle, None)
        assert max(await _heard(call)) < SILENT_DBFS
        await call.customer.tone(1200.0)
        await desk.until(lambda: leg.level(1200.0) > HEARD_DBFS)
        await call.customer.tone(None)
        await desk.driver.set_audience(handle, Audience.EVERYONE)
    await call.customer.hang_up()


async def test_leaving_while_barged_in_ends_nothing(asterisk: AsteriskSite, desk: Desk) -> None:
    call = await asterisk.call()
    handle, _ = await _barge(desk, call)
    await desk.leave(handle)
    await _nothing_is_left(asterisk)
    await asyncio.sleep(SETTLED_S)
    assert await call.active()
    assert desk.end_of(handle) is None
    await call.customer.hang_up()


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_the_calls_end_ends_the_leg_and_lets_the_other_party_go(
    asterisk: AsteriskSite, desk: Desk, side: str
) -> None:
    """A third in a bridge keeps the two from each other's end, unless it goes by itself."""
    call = await asterisk.call()
    handle, _ = await _barge(desk, call)
    party, other = call.agent, call.customer
    if side == "customer":
        party, other = other, party
    await party.hang_up()
    took = await desk.until(lambda: desk.end_of(handle) is not None)
    assert desk.end_of(handle) is EndReason(f"{side}_ended")
    assert took < SEEN_S
    assert isinstance(other, Person)
    async with asyncio.timeout(SEEN_S):
        await other.dialog.ended.wait()


async def test_a_transfer_while_barged_in_is_followed(asterisk: AsteriskSite, desk: Desk) -> None:
    call = await asterisk.call(agent_id="agent-ada")
    handle, _ = await _barge(desk, call)
    await call.transfer("agent-grace")
    assert min(await _heard(call)) > HEARD_DBFS
    assert [one.id for one in desk.interactions()[call.id].agents] == ["agent-grace"]
    await desk.driver.set_audience(handle, None)
    assert max(await _heard(call)) < SILENT_DBFS
    await desk.leave(handle)
    assert await call.active()
    await call.agent.hang_up()
    await desk.until(lambda: call.id not in desk.interactions())


async def test_a_dialplan_without_the_way_in_is_named(asterisk: AsteriskSite) -> None:
    call = await asterisk.call()
    async with desk_at(asterisk, barge_by="bridge", barge_extension="nobody@none") as desk:
        handle, _ = await desk.join(call.id)
        with pytest.raises(PlatformError, match="nobody@none"):
            await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert max(await _heard(call)) < SILENT_DBFS
        assert desk.end_of(handle) is None
    await call.customer.hang_up()
