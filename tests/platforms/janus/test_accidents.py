"""What only Janus has: sessions to reclaim, voices that wait, PINs, and rooms that are no calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.leg.peer import Peer
from appliance.platforms.janus import names
from appliance.platforms.protocol import LegNeeds, PlatformConnection, PlatformError
from tests.platforms.desk import Desk, desk_at
from tests.platforms.faults.relay import relayed
from tests.platforms.janus.clients import administer, handles_of_ours
from tests.platforms.janus.server import ADMIN_KEY, HOST, PIN, PORT
from tests.platforms.janus.site import JanusSite, janus_site
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.platforms.test_contract import (
    CUSTOMER_HZ,
    SUPERVISOR_HZ,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.support.leg_end import LegEnd

UNDER_WAY_S = 0.5
"""What was said before is on its way to the ears for so long."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def janus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JanusSite]:
    async with janus_site(tmp_path_factory.mktemp("janus")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def desk(janus: JanusSite) -> AsyncIterator[Desk]:
    async with desk_at(janus) as desk:
        yield desk
    await nothing_is_left(janus)


async def test_a_lost_connection_is_made_again_and_the_leg_stays(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed((HOST, PORT)) as relay,
        desk_at(janus, url=f"ws://{relay.netloc}") as desk,
    ):
        handle, leg = await desk.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        told = len(desk.of(PlatformConnection))
        relay.cut()
        await desk.until(lambda: len(desk.of(PlatformConnection)) >= told + 2)
        assert desk.connected()
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        await desk.driver.set_audience(handle, None)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        assert desk.end_of(handle) is None
        await call.customer.hang_up()
        await desk.until(lambda: desk.end_of(handle) is not None)
    await nothing_is_left(janus)


async def test_a_session_that_was_not_kept_is_told_of(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed((HOST, PORT)) as relay,
        desk_at(janus, url=f"ws://{relay.netloc}") as desk,
    ):
        handle, _ = await desk.join(call.id)
        told = len(desk.of(PlatformConnection))
        session_id = names.session_id(handle)
        relay.cut()
        await administer("destroy_session", session_id=session_id)
        await desk.until(lambda: len(desk.of(PlatformConnection)) >= told + 2)
        await desk.until(lambda: desk.end_of(handle) is not None)
        assert desk.end_of(handle) in (EndReason.PLATFORM_LOST, EndReason.REMOVED)
        assert await call.active()
    await nothing_is_left(janus)
    await call.customer.hang_up()


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


async def test_a_voice_thrown_out_while_it_is_heard_ends_the_leg(
    janus: JanusSite, desk: Desk
) -> None:
    call = await janus.call()
    handle, _ = await desk.join(call.id)
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    (voice,) = [
        info
        for info in await handles_of_ours()
        if info.get("plugin_specific", {}).get("id") == names.voice(handle)
    ]
    where = {key: voice[key] for key in ("session_id", "handle_id")}
    await administer("detach_handle", **where)
    await desk.until(lambda: desk.end_of(handle) is EndReason.REMOVED)
    assert await call.active()
    await call.customer.hang_up()


async def test_without_bridges_a_leg_listens_and_is_told_why_it_cannot_speak(
    janus: JanusSite, desk: Desk
) -> None:
    call = await janus.call()
    handle, leg = await desk.join(call.id)
    await janus.control.destroy_bridges(call.id)
    with pytest.raises(PlatformError, match=r"no AudioBridge room.*\.$"):
        await desk.driver.set_audience(handle, Audience.EVERYONE)
    await desk.driver.set_audience(handle, None)
    await call.customer.tone(CUSTOMER_HZ)
    await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
    assert desk.end_of(handle) is None
    await janus.control.make_bridges(call.id)
    await call.customer.hang_up()


async def test_while_muted_the_supervisor_is_in_nobodys_sight(janus: JanusSite, desk: Desk) -> None:
    call = await janus.call()
    before = await janus.control.people(call.id)
    handle, _ = await desk.join(call.id)
    for _ in range(2):
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert len(await janus.control.people(call.id)) == len(before) + 1
        await desk.driver.set_audience(handle, None)
        assert await janus.control.people(call.id) == before
    await call.customer.hang_up()


@pytest.mark.parametrize(
    ("settings", "named"), [({"admin_key": "wrong"}, "admin_key"), ({"room_pin": "x"}, "room_pin")]
)
async def test_each_wrong_secret_is_named(
    janus: JanusSite, settings: dict[str, object], named: str
) -> None:
    call = await janus.call()
    desk = Desk(janus.driver(**settings))
    await desk.driver.start(desk.events.append)
    await desk.until(lambda: bool(desk.of(PlatformConnection)))
    if named == "admin_key":
        assert named in desk.of(PlatformConnection)[0].detail
        assert named in (await desk.driver.check())[-1].detail
    else:
        await desk.lists(call.id)
        refusal = await desk.refused(call.id)
        assert refusal.code == EndReason.NOT_PERMITTED
        assert named in refusal.detail
        await nothing_is_left(janus)
    await desk.close()
    await call.customer.hang_up()


async def test_other_rooms_are_no_calls(janus: JanusSite, desk: Desk) -> None:
    control = janus.control
    for room, text in (("demo", "Demo Room"), ("odd", '{"started_at": 5}'), ("deep", "[" * 5000)):
        await control.ask(
            control.rooms, request="create", room=room, description=text, pin=PIN,
            admin_key=ADMIN_KEY, is_private=True,
        )  # fmt: skip
    call = await janus.call()
    await desk.lists(call.id)
    assert not {"demo", "odd", "deep"} & set(desk.interactions())
    assert (await desk.refused("demo")).code == EndReason.CALL_ENDED
    await call.customer.hang_up()


class BoxLeg(LegEnd):
    """The ear is the box's own peer, which takes both lines of Janus's offer."""

    def __init__(self) -> None:
        super().__init__(LegNeeds(direction="recvonly", offers=False, speaks_apart=True))
        self.peer = Peer(None, "recvonly", [], lambda: None)

    async def answer(self, offer: str) -> str:
        return await self.peer.answer(offer)

    def received(self) -> list[int]:
        return [stream.stats.received for stream in self.peer.streams]

    async def close(self) -> None:
        await self.peer.close()
        await super().close()


async def test_the_boxs_own_peer_hears_both_and_follows_a_transfer(
    janus: JanusSite, desk: Desk
) -> None:
    call = await janus.call()
    await desk.lists(call.id)
    leg = BoxLeg()
    await desk.driver.monitor("bargebox-test-own-peer", call.id, "sue", leg)
    await desk.until(lambda: len(leg.received()) == 2 and min(leg.received()) > 20)
    await call.transfer(janus.agent_ids[1])
    await asyncio.sleep(1.5)
    before = leg.received()
    await desk.until(lambda: all(n > b + 20 for n, b in zip(leg.received(), before, strict=True)))
    assert not leg.peer.may_send
    assert desk.end_of("bargebox-test-own-peer") is None
    await desk.driver.leave("bargebox-test-own-peer")
    await leg.close()
    await call.customer.hang_up()
