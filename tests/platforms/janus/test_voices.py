"""Who is heard by whom at Janus, and what moderators do about it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from appliance.control_link.words import Audience, EndReason
from appliance.leg.peer import Peer
from appliance.platforms.janus import names
from appliance.platforms.protocol import LegNeeds, PlatformError
from tests.platforms.desk import Desk, desk_at
from tests.platforms.janus.clients import administer, handles_of_ours
from tests.platforms.janus.site import JanusParty, JanusSite
from tests.platforms.measured import (
    AGENT_HZ,
    CUSTOMER_HZ,
    SUPERVISOR_HZ,
    supervisor_heard_by,
)
from tests.platforms.site import HEARD_DBFS, SILENT_DBFS
from tests.support.leg_end import LegEnd

log = logging.getLogger(__name__)

TONE_DBFS = -20.0
SECONDS_TO_BE_WHOLE = 4
"""One of them without a hole in any tone: a machine that stands still for a moment loses some of
it. What must be silent is so in each.
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_level_of_each_at_each_in_every_mode(janus: JanusSite, desk: Desk) -> None:
    """Everybody sounds at −20 dBFS; who listens, coaches or barges in changes nobody else's."""
    call = await janus.call()
    handle, leg = await desk.join(call.id)
    leg.track.hz = SUPERVISOR_HZ
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    for audience in (None, Audience.EVERYONE, None, Audience.AGENT, None):
        await desk.driver.set_audience(handle, audience)
        for _ in range(SECONDS_TO_BE_WHOLE):
            agent, customer = await supervisor_heard_by(call)
            figures = {
                "supervisor at agent": agent,
                "supervisor at customer": customer,
                "agent at customer": await call.customer.level(AGENT_HZ),
                "customer at agent": await call.agent.level(CUSTOMER_HZ),
                "agent at supervisor": leg.level(AGENT_HZ),
                "customer at supervisor": leg.level(CUSTOMER_HZ),
            }
            log.info("%s: %s", audience, {name: round(v, 1) for name, v in figures.items()})
            quiet = [figures.pop("supervisor at agent")] if audience is None else []
            if audience is not Audience.EVERYONE:
                quiet.append(figures.pop("supervisor at customer"))
            assert all(level < SILENT_DBFS for level in quiet), (audience, quiet)
            if all(level == pytest.approx(TONE_DBFS, abs=1.5) for level in figures.values()):
                break
        else:
            raise AssertionError((audience, figures))
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
