"""Calls that take other ways than from one party to another: they stay one, with who is on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from tests.platforms.asterisk.site import AsteriskCall, AsteriskSite, asterisk_site
from tests.platforms.asterisk.spying_site import SpyingSite
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.leg_end import LegEnd

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 500.0, 1200.0, 2100.0
SETTLED_S = 1.3


@pytest.fixture(scope="module", params=["whisper", "bridge", "chanspy"])
def way(request: pytest.FixtureRequest) -> str:
    """How the supervisor is heard: over ARI in two ways, or by the dialplan."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(
    tmp_path_factory: pytest.TempPathFactory, way: str
) -> AsyncIterator[AsteriskSite]:
    kind = SpyingSite if way == "chanspy" else AsteriskSite
    async with asterisk_site(tmp_path_factory.mktemp("asterisk"), kind) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(asterisk: AsteriskSite, way: str) -> AsyncIterator[Desk]:
    """A desk where no call is; nothing is left afterwards."""
    await asterisk.clear()
    async with desk_at(asterisk, **({} if way == "chanspy" else {"barge_by": way})) as desk:
        yield desk
    async with asyncio.timeout(10):
        while await asterisk.ours():
            await asyncio.sleep(0.05)


async def _is_one_with(desk: Desk, call: AsteriskCall, agent_id: str) -> None:
    """The list has this one call, with this agent."""

    def listed() -> dict[str, tuple[list[str], str]]:
        shown = desk.interactions().items()
        return {key: ([one.id for one in item.agents], item.state) for key, item in shown}

    wanted = {call.id: ([agent_id], "in-conversation")}
    try:
        await desk.until(lambda: listed() == wanted)
    except TimeoutError:
        raise AssertionError(f"listed is {listed()}, not {wanted}") from None


async def _all_is_heard(desk: Desk, call: AsteriskCall, handle: str, leg: LegEnd) -> None:
    """Both parties at the leg; coaching at the agent who is there now; barging at both."""
    leg.track.hz = None
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: min(leg.level(AGENT_HZ), leg.level(CUSTOMER_HZ)) > HEARD_DBFS)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.AGENT)
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) < SILENT_DBFS
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    await _is_live(call)
    assert desk.end_of(handle) is None


async def _is_live(call: AsteriskCall) -> None:
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(SUPERVISOR_HZ) > HEARD_DBFS
    assert await call.customer.level(SUPERVISOR_HZ) > HEARD_DBFS


async def _ends(desk: Desk, call: AsteriskCall, handle: str) -> None:
    await call.agent.hang_up()
    await desk.until(lambda: desk.end_of(handle) is not None)
    assert desk.end_of(handle) is EndReason.AGENT_ENDED
    await desk.until(lambda: desk.interactions() == {})


async def test_an_attended_transfer(asterisk: AsteriskSite, desk: Desk) -> None:
    call = await asterisk.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    await call.consult_and_transfer("agent-grace")
    await _is_one_with(desk, call, "agent-grace")
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)


@pytest.mark.parametrize("attended", [False, True], ids=["blind", "attended"])
async def test_a_transfer_while_live(asterisk: AsteriskSite, desk: Desk, attended: bool) -> None:
    call = await asterisk.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    await _is_live(call)
    await (call.consult_and_transfer if attended else call.transfer)("agent-grace")
    await _is_one_with(desk, call, "agent-grace")
    await asyncio.sleep(SETTLED_S)
    await _is_live(call)
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)


async def test_a_ring_group(asterisk: AsteriskSite, desk: Desk) -> None:
    asterisk.phones["agent-ada"].answers = False
    call = await asterisk.call(agent_id="agent-grace", exten="group")
    await _is_one_with(desk, call, "agent-grace")
    handle, leg = await desk.join(call.id)
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)


@pytest.mark.parametrize("queue", ["direct", "local", "optimised"])
async def test_a_queue(asterisk: AsteriskSite, desk: Desk, queue: str) -> None:
    call = await asterisk.call(agent_id="agent-ada", exten=f"queue-{queue}")
    await _is_one_with(desk, call, "agent-ada")
    assert desk.interactions()[call.id].queue == "Support"
    handle, leg = await desk.join(call.id)
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)


async def test_a_call_that_rings_elsewhere_and_is_picked_up(
    asterisk: AsteriskSite, desk: Desk
) -> None:
    asterisk.phones["agent-ada"].answers = False
    calling = asyncio.create_task(asterisk.phones["customer"].call("call-on-agent-ada"))
    await desk.until(lambda: any(item.agents for item in desk.interactions().values()))
    (ringing,) = desk.interactions().values()
    assert (ringing.state, [one.id for one in ringing.agents]) == ("ringing", ["agent-ada"])
    grace = await asterisk.phones["agent-grace"].call("pickup")
    call = AsteriskCall(asterisk, ringing.id, grace, await calling)
    await _is_one_with(desk, call, "agent-grace")
    handle, leg = await desk.join(call.id)
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)


async def test_a_parked_call(asterisk: AsteriskSite, desk: Desk) -> None:
    call = await asterisk.call(agent_id="agent-ada")
    handle, leg = await desk.join(call.id)
    agent = call.agent
    await call.park()
    await desk.until(lambda: desk.interactions()[call.id].agents == ())
    assert desk.end_of(handle) is None
    call.agent = await asterisk.phones["agent-grace"].call("701")
    assert call.agent is not agent
    await _is_one_with(desk, call, "agent-grace")
    await _all_is_heard(desk, call, handle, leg)
    await _ends(desk, call, handle)
