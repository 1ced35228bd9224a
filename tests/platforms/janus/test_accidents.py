"""What only Janus has: sessions to reclaim, voices that wait, PINs, and rooms that are no calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from appliance.control_link.words import Audience, EndReason
from appliance.leg.peer import Peer
from appliance.platforms.janus import names
from appliance.platforms.janus.connection import KEEP_S
from appliance.platforms.protocol import LegNeeds, PlatformConnection, PlatformError
from tests.platforms.desk import Desk, desk_at
from tests.platforms.faults.relay import relayed
from tests.platforms.janus.clients import administer, handles_of_ours
from tests.platforms.janus.server import ADMIN_KEY, HOST, PIN, PORT, RECLAIM_S
from tests.platforms.janus.site import JanusParty, JanusSite, janus_site
from tests.platforms.measured import (
    AGENT_HZ,
    CUSTOMER_HZ,
    SUPERVISOR_HZ,
    nothing_is_left,
    supervisor_heard_by,
)
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.leg_end import LegEnd

log = logging.getLogger(__name__)

JANUS = (HOST, PORT)
TONE_DBFS = -20.0
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


async def test_the_level_of_each_at_each_in_every_mode(janus: JanusSite, desk: Desk) -> None:
    """Everybody sounds at −20 dBFS; who listens, coaches or barges in changes nobody else's."""
    call = await janus.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    for audience in (None, Audience.EVERYONE, None, Audience.AGENT, None):
        await desk.driver.set_audience(handle, audience)
        agent, customer = await supervisor_heard_by(call)
        figures = {
            "supervisor at agent": agent,
            "supervisor at customer": customer,
            "agent at customer": await call.customer.level(AGENT_HZ),
            "customer at agent": await call.agent.level(CUSTOMER_HZ),
            "agent at supervisor": leg.level(AGENT_HZ),
            "customer at supervisor": leg.level(CUSTOMER_HZ),
        }
        log.info("%s: %s", audience, {name: round(value, 1) for name, value in figures.items()})
        silent = {
            "supervisor at agent": audience is None,
            "supervisor at customer": audience is not Audience.EVERYONE,
        }
        for name, level in figures.items():
            if silent.get(name):
                assert level < SILENT_DBFS, (audience, name, level)
            else:
                assert level == pytest.approx(TONE_DBFS, abs=1.5), (audience, name, level)
    await call.customer.hang_up()


async def test_a_lost_connection_is_made_again_and_the_leg_stays(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed(JANUS) as relay,
        desk_at(janus, url=relay.url) as desk,
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


async def test_an_outage_almost_as_long_as_janus_waits_is_survived(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url) as desk:
        handle, leg = await desk.join(call.id)
        await asyncio.sleep(RECLAIM_S + 1.0)  # Janus counts from the last sign of life
        relay.cut(down=True)
        await desk.until(lambda: not desk.connected())
        await asyncio.sleep(RECLAIM_S - KEEP_S - 0.5)
        relay.mend()
        await desk.until(desk.connected)
        await call.customer.tone(CUSTOMER_HZ)
        await desk.until(lambda: leg.level(CUSTOMER_HZ) > HEARD_DBFS)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        assert desk.end_of(handle) is None
        await call.customer.hang_up()


async def test_answers_that_are_too_slow_are_told_of_and_end_nothing(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url, request_timeout=1.0) as desk:
        handle, leg = await desk.join(call.id)
        leg.track.hz = SUPERVISOR_HZ
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        relay.delay_s = 2.0
        await desk.until(lambda: not desk.connected())
        with pytest.raises(PlatformError, match=r"\.$"):
            await desk.driver.set_audience(handle, None)
        relay.delay_s = 0.0
        await desk.until(desk.connected)
        await desk.driver.set_audience(handle, None)
        assert max(await supervisor_heard_by(call)) < SILENT_DBFS
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        assert desk.end_of(handle) is None
        await call.customer.hang_up()


async def test_a_longer_outage_ends_the_leg_with_its_reason(janus: JanusSite) -> None:
    call = await janus.call()
    async with relayed(JANUS) as relay, desk_at(janus, url=relay.url) as desk:
        handle, _ = await desk.join(call.id)
        relay.cut(down=True)
        await asyncio.sleep(RECLAIM_S + 3.0)  # it looks every 2 s
        relay.mend()
        await desk.until(lambda: desk.end_of(handle) is not None)
        assert desk.end_of(handle) is EndReason.PLATFORM_LOST
        assert await call.active()
    await nothing_is_left(janus)
    await call.customer.hang_up()


async def test_a_session_that_was_not_kept_is_told_of(janus: JanusSite) -> None:
    call = await janus.call()
    async with (
        relayed(JANUS) as relay,
        desk_at(janus, url=relay.url) as desk,
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


@pytest.mark.parametrize("speaking", [True, False], ids=["speaking", "listening"])
async def test_a_new_life_follows_transfers(janus: JanusSite, speaking: bool) -> None:
    call = await janus.call(agent_id=janus.agent_ids[0])
    async with desk_at(janus, speaking=speaking) as first:
        handle, leg = await first.join(call.id)
        await call.transfer(janus.agent_ids[1])
        await call.agent.tone(AGENT_HZ)
        await first.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
        await first.driver.stop()
        async with desk_at(janus, speaking=speaking) as second:
            assert await second.driver.resume(handle, leg)
            for agent, hz in ((janus.agent_ids[0], 700.0), (janus.agent_ids[1], 900.0)):
                await call.transfer(agent)
                await call.agent.tone(hz)
                await second.until(lambda hz=hz: leg.level(hz) > HEARD_DBFS)  # type: ignore[misc]
            leg.track.hz = SUPERVISOR_HZ
            assert max(await supervisor_heard_by(call)) < SILENT_DBFS
            assert second.end_of(handle) is None
            await second.driver.leave(handle)
            await nothing_is_left(janus)
            assert await call.active()
    await call.customer.hang_up()


async def test_a_transfer_between_two_lives_is_followed(janus: JanusSite) -> None:
    call = await janus.call(agent_id=janus.agent_ids[0])
    async with desk_at(janus) as first:
        handle, leg = await first.join(call.id)
        await first.driver.stop()
        await call.transfer(janus.agent_ids[1])
        await call.agent.tone(AGENT_HZ)
        async with desk_at(janus) as second:
            assert await second.driver.resume(handle, leg)
            await second.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
            await second.driver.leave(handle)
    await nothing_is_left(janus)
    await call.customer.hang_up()


@pytest.mark.parametrize("side", ["agent", "customer"])
async def test_who_publishes_again_is_heard_again(janus: JanusSite, desk: Desk, side: str) -> None:
    call = await janus.call()
    handle, leg = await desk.join(call.id)
    party = call.agent if side == "agent" else call.customer
    await party.tone(AGENT_HZ)
    await desk.until(lambda: leg.level(AGENT_HZ) > HEARD_DBFS)
    assert isinstance(party, JanusParty)
    await party.person.publish_again(call.id)
    await party.tone(700.0)
    await desk.until(lambda: leg.level(700.0) > HEARD_DBFS)
    assert desk.end_of(handle) is None
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


@pytest.mark.parametrize("how", ["muted", "everybody muted", "kicked", "room destroyed"])
async def test_a_moderator_silences_no_voice_unseen(janus: JanusSite, desk: Desk, how: str) -> None:
    call = await janus.call()
    handle, _ = await desk.join(call.id)
    await desk.driver.set_audience(handle, Audience.EVERYONE)
    assert await janus.control.moderate(call.id, "kick", "nobody-of-that-name") is False
    request = {"muted": "mute", "everybody muted": "mute_room", "kicked": "kick"}.get(how)
    if request is None:
        await janus.control.destroy_bridges(call.id)
    else:
        assert await janus.control.moderate(call.id, request, names.voice(handle))
    await desk.until(lambda: desk.end_of(handle) is not None)
    wanted = EndReason.REMOVED if request else EndReason.CALL_ENDED
    assert desk.end_of(handle) is wanted
    assert await call.active() if request else True
    if request is None:
        await janus.control.make_bridges(call.id)
    await call.customer.hang_up()


async def test_what_a_moderator_does_to_others_ends_nothing(janus: JanusSite, desk: Desk) -> None:
    call = await janus.call()
    async with desk_at(janus) as other:
        handle, leg = await desk.join(call.id)
        theirs, _ = await other.join(call.id, supervisor="tom")
        await desk.driver.set_audience(handle, Audience.EVERYONE)
        await other.driver.set_audience(theirs, Audience.EVERYONE)
        assert await janus.control.moderate(call.id, "kick", names.voice(theirs))
        await other.until(lambda: other.end_of(theirs) is EndReason.REMOVED)
        leg.track.hz = SUPERVISOR_HZ
        assert min(await supervisor_heard_by(call)) > HEARD_DBFS
        assert desk.end_of(handle) is None
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
