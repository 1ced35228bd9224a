"""The driver at the real contact centre in its own process: who hears whom, and what is told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformError,
)
from tests.support.centre import Administrator, CentreProcess, running_centre
from tests.support.sandbox_box import (
    AGENT_HZ,
    CUSTOMER_HZ,
    HEARD,
    SUPERVISOR_HZ,
    UNHEARD,
    Box,
    connected,
    legs,
)
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("centre_on_loopback"),
]


async def test_joining_is_silent_and_both_sides_are_heard(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    before = await admin.roster(call)
    await admin.tone(call, "agent", AGENT_HZ)
    await admin.tone(call, "customer", CUSTOMER_HZ)
    handle, peer = await box.join(call)
    await eventually(lambda: peer.level(AGENT_HZ) > HEARD and peer.level(CUSTOMER_HZ) > HEARD)
    assert await admin.roster(call) == before, "nobody saw or was told anything"
    packets = await admin.uplink(handle, payloads=True)
    assert packets
    assert {packet[5] for packet in packets} == {"f8fffe"}
    assert box.events[0] == PlatformConnection(connected=True)
    (monitor,) = box.of(InteractionChanged)[-1].interaction.monitors
    assert (monitor.supervisor, monitor.barged_in, monitor.ended_at) == ("sue", False, None)


@pytest.mark.parametrize(
    ("audience", "hearing"),
    [
        (None, set()),
        (Audience.AGENT, {"agent"}),
        (Audience.EVERYONE, {"agent", "customer"}),
    ],
)
async def test_the_supervisor_is_heard_by_the_audience_only(
    box: Box, admin: Administrator, audience: Audience | None, hearing: set[str]
) -> None:
    call = await admin.create_call()
    await admin.tone(call, "agent", AGENT_HZ)
    await admin.tone(call, "customer", CUSTOMER_HZ)
    before = await admin.roster(call)
    handle, peer = await box.join(call)
    peer.track.hz = SUPERVISOR_HZ
    await box.driver.set_audience(handle, audience)
    await eventually(lambda: peer.frames >= 100)
    levels = {
        side: await admin.measure(call, side, SUPERVISOR_HZ) for side in ("agent", "customer")
    }
    assert {side for side, level in levels.items() if level > HEARD} == hearing, levels
    assert {side for side, level in levels.items() if level < UNHEARD} == {
        "agent",
        "customer",
    } - hearing, levels
    assert await admin.measure(call, "agent", CUSTOMER_HZ) > HEARD
    assert await admin.measure(call, "customer", AGENT_HZ) > HEARD
    assert peer.level(SUPERVISOR_HZ) < -50, "no supervisor hears an echo"
    assert await admin.roster(call) == before, "barging shows nobody on a screen either"
    await box.driver.set_audience(handle, None)
    await asyncio.sleep(0.3)
    for side in hearing:
        assert await admin.measure(call, side, SUPERVISOR_HZ, seconds=0.2) < UNHEARD


async def test_a_call_that_speaks_is_heard_as_speech(box: Box, admin: Administrator) -> None:
    call = await admin.create_call(voices=True)
    _, peer = await box.join(call)
    await eventually(lambda: peer.frames >= 250, 20)
    heard = [await admin.measure(call, side, seconds=5) for side in ("agent", "customer")]
    assert max(heard) > -50
    click = await admin.do("click", call=call, party="customer")
    assert click["at"] == pytest.approx(time.monotonic(), abs=2)


async def test_a_receive_only_leg_hears_and_is_never_heard(
    centre: CentreProcess, admin: Administrator
) -> None:
    box = await connected(centre, leg_direction="recvonly")
    call = await admin.create_call()
    await admin.tone(call, "agent", AGENT_HZ)
    handle, peer = await box.join(call, direction="recvonly")
    await eventually(lambda: peer.level(AGENT_HZ) > HEARD)
    with pytest.raises(PlatformError) as caught:
        await box.driver.set_audience(handle, Audience.EVERYONE)
    assert caught.value.code == EndReason.NOT_PERMITTED
    await box.driver.set_audience(handle, None)
    await asyncio.sleep(4)
    assert await legs(admin, call), "its RTCP reports show that it is alive"
    assert await admin.uplink(handle) == []
    await box.close()


async def test_hold_and_transfer_are_told_and_the_leg_stays(box: Box, admin: Administrator) -> None:
    call = await admin.create_call(agent="agent-ada")
    _, peer = await box.join(call)
    await admin.do("hold", call=call)
    await admin.do("unhold", call=call)
    await admin.do("transfer", call=call, to="agent-grace", seconds=0.1)
    await eventually(
        lambda: (
            box.states(call)[-4:]
            == ["on-hold", "in-conversation", "transferring", "in-conversation"]
        )
    )
    interaction = box.of(InteractionChanged)[-1].interaction
    assert [agent.id for agent in interaction.agents] == ["agent-grace"]
    await admin.tone(call, "agent", AGENT_HZ)
    await eventually(lambda: peer.level(AGENT_HZ) > HEARD)
    names = [entry["name"] for entry in (await admin.roster(call))["customer"]["roster"]]
    assert names[0] == "Grace Lindqvist"
    assert not box.of(LegEnded)


async def test_the_centre_may_stop_sending_without_a_word(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    await eventually(lambda: peer.frames > 10)
    await admin.do("drop_media", handle=handle)
    await asyncio.sleep(0.3)
    frames = peer.frames
    await asyncio.sleep(0.5)
    assert peer.frames == frames
    assert peer.connection.connectionState == "connected"


async def test_ten_thousand_interactions_come_in_one_snapshot(
    centre: CentreProcess, admin: Administrator, box: Box
) -> None:
    await admin.do("set_listed", n=10_000, changes_per_second=200)
    await eventually(lambda: len(box.of(InteractionChanged)) > 10_000)
    late = await connected(centre)
    (snapshot,) = late.of(InteractionsSnapshot)
    listed = [one for one in snapshot.interactions if one.id.startswith("listed-")]
    assert 9_900 <= len(listed) <= 10_000
    assert len({one.id for one in snapshot.interactions}) == len(snapshot.interactions)
    await eventually(lambda: len(late.of(InteractionChanged)) > 50)
    _, peer = await late.join(next(one.id for one in listed if one.monitorable))
    await eventually(lambda: peer.frames > 25)
    await admin.do("set_listed", n=0)
    await late.close()


async def test_a_lively_centre_holds_transfers_and_ends_by_itself(tmp_path: Path) -> None:
    async with running_centre(tmp_path, lively=20, pace=100) as centre:
        box = await connected(centre)
        seen = {"ended", "on-hold", "transferring", "in-conversation"}
        await eventually(
            lambda: seen <= {event.interaction.state for event in box.of(InteractionChanged)}, 30
        )
        await box.close()
