"""How legs at the real contact centre end, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformError,
)
from tests.platforms.faults.relay import relayed
from tests.support.centre import Administrator, CentreProcess
from tests.support.leg_port import FixedLeg
from tests.support.peer import Peer
from tests.support.sandbox_box import Box, connected, legs, no_legs
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("centre_on_loopback"),
]


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("agent", EndReason.AGENT_ENDED),
        ("customer", EndReason.CUSTOMER_ENDED),
        ("platform", EndReason.CALL_ENDED),
    ],
)
async def test_the_end_of_the_call_is_told_with_its_reason(
    box: Box, admin: Administrator, by: str, reason: EndReason
) -> None:
    took = []
    for _ in range(3):
        call = await admin.create_call()
        handle, _ = await box.join(call)
        await admin.do("end", call=call, by=by)
        known = time.monotonic()
        await eventually(lambda handle=handle: LegEnded(handle, reason) in box.events)  # type: ignore[misc]
        took.append(time.monotonic() - known)
        await eventually(lambda call=call: box.states(call)[-1] == "ended")  # type: ignore[misc]
        await no_legs(admin, call)
    assert statistics.median(took) < 0.2


async def test_leaving_ends_only_our_own_leg(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, _ = await box.join(call)
    await box.driver.leave(handle)
    await box.driver.leave(handle)
    assert await legs(admin, call) == []
    roster = await admin.roster(call)
    assert [notice["text"] for notice in roster["customer"]["notices"]] == ["connected"]
    await eventually(
        lambda: box.of(InteractionChanged)[-1].interaction.monitors[-1].ended_at is not None
    )
    assert box.states(call)[-1] == "in-conversation"
    assert not box.of(LegEnded)
    assert await box.driver.resume(handle, FixedLeg()) is False


async def test_the_platform_can_remove_a_supervisor(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, _ = await box.join(call)
    await admin.do("remove_supervisor", handle=handle)
    await eventually(lambda: LegEnded(handle, EndReason.REMOVED) in box.events)
    assert box.states(call)[-1] == "in-conversation"


async def test_a_leg_that_closes_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    await peer.close()
    await eventually(lambda: LegEnded(handle, EndReason.MEDIA_LOST) in box.events)
    assert await legs(admin, call) == []


async def test_a_leg_that_vanishes_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    handle, peer = await box.join(call)
    transport = peer.connection.getSenders()[0].transport.transport

    async def lose(data: bytes) -> None:
        """The cable is cut."""

    vars(transport)["_send"] = lose
    await eventually(lambda: LegEnded(handle, EndReason.MEDIA_LOST) in box.events)


async def test_a_leg_that_never_connects_is_removed(box: Box, admin: Administrator) -> None:
    call = await admin.create_call()
    peer = Peer()
    await box.driver.monitor("never", call, "sue", FixedLeg(await peer.offer()))
    await eventually(lambda: LegEnded("never", EndReason.MEDIA_LOST) in box.events)
    await peer.close()


@pytest.mark.parametrize(
    ("by", "reason"), [("agent", EndReason.AGENT_ENDED), ("customer", EndReason.CUSTOMER_ENDED)]
)
async def test_who_ended_the_call_is_told_also_of_a_leg_that_could_not_be_left(
    centre: CentreProcess, admin: Administrator, by: str, reason: EndReason
) -> None:
    """Else a box that gives a dead leg up to join anew could only say that the call has ended."""
    address = urlsplit(centre.ready.url)
    async with relayed((str(address.hostname), int(address.port or 0))) as relay:
        box = await connected(centre, url=relay.url)
        call = await admin.create_call()
        handle, _ = await box.join(call)
        relay.cut(down=True)
        with pytest.raises(PlatformError):
            await box.driver.leave(handle)
        await admin.do("end", call=call, by=by)
        relay.mend()
        await eventually(lambda: LegEnded(handle, reason) in box.events)
        await box.close()
    await no_legs(admin, call)


async def test_a_lost_supervisor_has_a_while_to_come_back(
    centre: CentreProcess, admin: Administrator
) -> None:
    call = await admin.create_call()
    first = await connected(centre)
    handle, _ = await first.join(call)
    await first.driver.stop()
    second = await connected(centre)
    assert await second.driver.resume(handle, FixedLeg()) is True
    await asyncio.sleep(1.5)
    assert [leg["handle"] for leg in await legs(admin, call)] == [handle]
    await second.driver.set_audience(handle, Audience.AGENT)
    await second.driver.stop()
    await no_legs(admin, call)
    await first.close()
    await second.close()


async def test_a_reply_that_comes_late_leaves_no_leg_behind(
    centre: CentreProcess, admin: Administrator
) -> None:
    call = await admin.create_call()
    box = await connected(centre, request_timeout=0.5)
    await admin.do("slow", seconds=0.8)
    try:
        with pytest.raises(PlatformError) as caught:
            await box.join(call)
        assert caught.value.code == EndReason.PLATFORM_LOST
    finally:
        await admin.do("slow", seconds=0)
    await no_legs(admin, call)
    await box.close()


async def test_the_driver_outlives_the_centre(tmp_path: Path) -> None:
    centre = CentreProcess(tmp_path)
    await centre.start()
    box = await connected(centre)
    async with centre.administrator() as admin:
        call = await admin.create_call()
    handle, _ = await box.join(call)
    asked = asyncio.create_task(box.driver.set_audience(handle, Audience.AGENT))
    await asyncio.gather(asked, centre.kill(), return_exceptions=True)
    await eventually(lambda: not box.of(PlatformConnection)[-1].connected)
    await centre.start()
    await eventually(lambda: box.of(PlatformConnection)[-1].connected)
    await eventually(lambda: len(box.of(InteractionsSnapshot)) == 2)
    assert box.of(InteractionsSnapshot)[-1].interactions == ()
    assert box.of(LegEnded) == [LegEnded(handle, EndReason.PLATFORM_LOST)]
    lost = next(event for event in box.of(PlatformConnection) if not event.connected)
    assert lost.detail
    assert await centre.stop() == 0
    await box.close()
