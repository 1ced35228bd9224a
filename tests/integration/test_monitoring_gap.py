"""What happens while a lost leg is made anew: the end, a refusal, a hang-up, an un-mute."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import EndReason, Media
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Agent, PlatformError
from tests.support.monitoring_world import AWAY, ended, listening_again, world
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    "reason", [EndReason.AGENT_ENDED, EndReason.CUSTOMER_ENDED, EndReason.REMOVED]
)
async def test_who_ended_it_meanwhile_is_said(tmp_path: Path, reason: EndReason) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.failing["leave"] = AWAY
        w.leg.media(Media.LOST)
        await asyncio.sleep(0.3)
        w.driver.end_leg(w.handle, reason)
        assert (await ended(life))[0] is reason
        assert len(w.driver.made) == 1


async def test_a_call_that_is_gone_when_asked_for_waits_for_the_word_who_ended_it(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.interactions.clear()  # and the list does not know it yet
        w.leg.media(Media.LOST)
        await eventually(lambda: len(w.driver.made) > 1)
        w.driver.end_leg(w.handle, EndReason.CUSTOMER_ENDED)
        assert (await ended(life))[0] is EndReason.CUSTOMER_ENDED


async def test_a_call_that_is_gone_is_not_media_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.interactions.clear()
        w.leg.media(Media.LOST)
        assert (await ended(life))[0] is EndReason.CALL_ENDED
        assert w.driver.legs == {}


async def test_it_is_not_joined_again_once_it_is_ones_own(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.disconnect()
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        mine = replace(w.driver.interactions["call-1"], agents=(Agent("agent-3", "Ann"),))
        w.driver.interactions["call-1"] = mine
        w.driver.connect()
        assert (await ended(life))[0] is EndReason.OWN_CALL
        assert len(w.driver.made) == 1


async def test_it_is_not_joined_again_without_the_permission(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.store.write(
            lambda database: database.execute("UPDATE accounts SET role = 'Technician'")
        )
        w.leg.media(Media.LOST)
        assert (await ended(life))[0] is EndReason.NOT_PERMITTED
        assert len(w.driver.made) == 1
        await eventually(lambda: w.driver.legs == {})


async def test_it_is_not_joined_again_off_the_record(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.forbid_writing()
        w.leg.media(Media.LOST)
        assert (await ended(life))[0] is EndReason.MEDIA_LOST
        assert len(w.driver.made) == 1
        await life.forbid_writing(False)


@pytest.mark.parametrize("method", ["leave", "monitor", None])
@pytest.mark.parametrize("at_the_panel", [True, False])
async def test_hang_up_wins_at_once_at_any_moment_of_it(
    tmp_path: Path, method: str | None, at_the_panel: bool
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        if method is None:
            w.leg.connects = False
        else:
            w.driver.slow[method] = 1.0
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        await asyncio.sleep(0.3)
        w.driver.slow.clear()
        if at_the_panel:
            w.leg.press_hang_up()
        else:
            await life.service.hang_up(w.ann)
        await eventually(lambda: w.leg.call is None)
        assert (await ended(life))[0] is EndReason.HUNG_UP
        await eventually(lambda: w.driver.legs == {})
        made = len(w.driver.made)
        await asyncio.sleep(0.5)
        assert len(w.driver.made) == made
        assert w.leg.call is None
        assert await life.service.history.open_legs() == []


async def test_unmute_in_the_gap_is_refused_and_not_done_afterwards(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.failing["monitor"] = PlatformError("Not yet.")
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        w.leg.press_microphone()
        with pytest.raises(RefusedError) as refused:
            await life.service.set_microphone(w.ann, muted=False)
        assert refused.value.code == "not_listening"
        w.driver.failing.clear()
        await listening_again(w, life, first)
        assert life.service.current().muted is True
        assert {audience for _, audience in w.driver.asked} <= {None}
        await eventually(lambda: w.leg.presses == [])
        presses = [row.detail for row in await life.rows() if row.action == "press"]
        assert [json.loads(press)["action"] for press in presses] == ["unmute_refused"]


async def test_a_wish_from_before_the_gap_is_void_after_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.slow["set_audience"] = 1.0
        asking = asyncio.create_task(life.service.set_microphone(w.ann, muted=False))
        await eventually(lambda: w.driver.asked != [])
        later = asyncio.create_task(life.service.set_microphone(w.ann, muted=False))
        await asyncio.sleep(0)
        w.leg.media(Media.LOST)
        await listening_again(w, life, first)
        for wish in (asking, later):
            with pytest.raises(Exception, match=r"."):
                await wish
        assert life.state is State.LISTENING
        assert "open_gate" not in w.leg.names()
        w.driver.slow.clear()
        await eventually(lambda: w.agreed)
