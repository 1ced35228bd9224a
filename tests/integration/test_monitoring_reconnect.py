"""A lost connection is made good by a fresh leg in the same session, or ends and says why."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from appliance.control_link.words import EndReason, Gate, Media
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Agent, PlatformError
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually

AWAY = PlatformError("The platform is silent.", code="platform_lost")


async def _listening_again(w: World, life: Life, before: str) -> None:
    await eventually(lambda: life.state is State.LISTENING and w.handle != before)
    await eventually(lambda: w.driver.legs == {w.handle: None})


async def _ended(life: Life) -> tuple[EndReason, str]:
    await eventually(lambda: life.state is State.IDLE)
    end = life.service.current().last_end
    assert end is not None
    return end.reason, end.detail


async def test_live_at_the_loss_it_comes_back_muted_in_the_same_session(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        session = (await life.service.monitor(w.ann, "call-1")).session_id
        await life.service.set_microphone(w.ann, muted=False)
        first = w.handle
        w.leg.media(Media.INTERRUPTED)
        w.leg.media(Media.LOST)
        await _listening_again(w, life, first)
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED
        assert w.driver.left == [first]
        assert first in w.handle  # as the platforms see whose it is
        assert life.service.current().session_id == session
        states = [state for state, _ in groupby(view.state for view in life.views)]
        assert states[-4:] == [
            State.LISTENING,
            State.LIVE,
            State.RECONNECTING,
            State.LISTENING,
        ]
        async with asyncio.timeout(10):  # what is noted is written in the background
            while "reconnected" not in (actions := await life.actions()):
                await asyncio.sleep(0.01)
        assert actions == ["monitor", "unmute", "mute", "reconnect", "reconnected"]
        # and it works as the one before did
        w.leg.press_microphone()
        await eventually(lambda: life.state is State.LIVE and w.agreed)
        await life.service.hang_up(w.ann)
        assert w.driver.legs == {}
        record = await life.recorded()
        assert (record.id, record.handle) == (session, w.handle)
        assert await life.service.history.open_legs() == []


async def test_what_nobody_mends_ends_within_the_limit_and_leaves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.failing["monitor"] = PlatformError("No free line.")
        w.leg.media(Media.LOST)
        reason, detail = await _ended(life)
        assert reason is EndReason.MEDIA_LOST
        assert detail == "No sound came through, and joining again failed: No free line."
        assert w.leg.ear == ["media_lost"]
        assert w.driver.legs == {}
        await eventually(lambda: set(w.driver.made) <= set(w.driver.left))
        assert len(set(w.driver.made)) > 2  # several tries, and none under the handle of another
        assert len(set(w.driver.made)) == len(w.driver.made)


async def test_a_limit_of_nothing_tries_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.media(Media.LOST)
        assert (await _ended(life))[0] is EndReason.MEDIA_LOST
        assert len(w.driver.made) == 1


async def test_no_fresh_leg_is_made_while_the_old_one_may_be_there(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.failing["leave"] = AWAY
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        await asyncio.sleep(0.6)
        assert w.driver.made == [first]
        w.driver.failing.clear()
        await _listening_again(w, life, first)
        assert first not in w.driver.legs


async def test_the_platform_away_as_well_is_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.disconnect()
        w.leg.media(Media.LOST)
        await asyncio.sleep(0.5)
        assert life.state is State.RECONNECTING
        w.driver.connect()
        await _listening_again(w, life, first)


async def test_a_fresh_leg_without_sound_is_left_and_another_made(tmp_path: Path) -> None:
    async with world(tmp_path, join_limit_s=0.5) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.leg.connects = False
        w.leg.media(Media.LOST)
        await eventually(lambda: len(w.driver.made) > 1)
        second = w.handle
        w.leg.connects = True
        await eventually(lambda: life.state is State.LISTENING)
        await eventually(lambda: w.driver.legs == {w.handle: None})
        assert {first, second} <= set(w.driver.left)


async def test_a_platform_that_takes_its_time_is_joined_again_as_it_was_joined(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.slow["monitor"] = 6.5  # of the 10 s that a join may take
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        await eventually(lambda: life.state is not State.RECONNECTING, 40)
        await _listening_again(w, life, first)
        assert len(w.driver.made) == 2


async def test_sound_that_comes_back_by_itself_keeps_its_leg(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.disconnect()  # so that no try succeeds
        w.leg.media(Media.LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        w.leg.media(Media.CONNECTED)
        await eventually(lambda: life.state is State.LISTENING)
        w.driver.connect()
        await asyncio.sleep(0.8)
        assert len(w.driver.made) == 1
        assert w.driver.left == []
        await life.service.set_microphone(w.ann, muted=False)
        assert w.agreed


@pytest.mark.parametrize(
    "reason", [EndReason.MEDIA_LOST, EndReason.CONTROL_LOST, EndReason.PLATFORM_LOST]
)
async def test_a_leg_that_the_platform_gave_up_is_made_anew_and_muted(
    tmp_path: Path, reason: EndReason
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        first = w.handle
        w.driver.end_leg(first, reason)
        await _listening_again(w, life, first)
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED
        assert State.RECONNECTING in [view.state for view in life.views]
        await eventually(lambda: w.agreed)
        assert await life.who_muted(1) == ["bargebox"]  # nobody pressed or clicked


@pytest.mark.parametrize("reason", [EndReason.REMOVED, EndReason.FAILED])
async def test_a_silent_leg_that_the_platform_hangs_up_is_made_anew(
    tmp_path: Path, reason: EndReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.platform_events.AWAY_S", 0.2)
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.leg.media(Media.INTERRUPTED)
        await asyncio.sleep(0.3)
        w.driver.end_leg(first, reason)
        await _listening_again(w, life, first)


async def test_signalling_that_dies_first_is_waited_for_muted(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        first = w.handle
        w.driver.disconnect()
        w.driver.end_leg(first, EndReason.PLATFORM_LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        await eventually(lambda: life.service.current().muted is True)
        w.driver.connect()
        await _listening_again(w, life, first)
        assert life.service.current().muted is True


async def test_signalling_that_stays_away_is_the_platform_lost(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.disconnect()
        w.driver.end_leg(w.handle, EndReason.PLATFORM_LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        assert (await _ended(life))[0] is EndReason.PLATFORM_LOST
        assert len(w.driver.made) == 1


async def test_a_leg_on_which_an_order_failed_as_the_sound_went_is_made_anew(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        first = w.handle
        w.leg.media(Media.INTERRUPTED)  # so that the platform is told to mute
        await eventually(lambda: life.state is State.RECONNECTING)
        w.driver.end_leg(first, EndReason.FAILED)
        await _listening_again(w, life, first)
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED


async def test_a_leg_that_the_platform_had_lost_when_its_sound_came_back_is_made_anew(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.leg.media(Media.INTERRUPTED)
        await eventually(lambda: life.state is State.RECONNECTING)
        w.leg.media(Media.CONNECTED)
        await eventually(lambda: life.state is State.LISTENING)
        w.driver.end_leg(first, EndReason.PLATFORM_LOST)
        await _listening_again(w, life, first)


async def test_a_flicker_of_a_leg_that_the_platform_gave_up_is_no_listening(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.driver.failing["leave"] = AWAY
        w.driver.end_leg(first, EndReason.MEDIA_LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        life.views.clear()
        for media in (Media.INTERRUPTED, Media.CONNECTED, Media.LOST, Media.CONNECTED):
            w.leg.media(media)
            await eventually(lambda media=media: life.service.current().media is media)  # type: ignore[misc]
        w.leg.press_microphone()
        await eventually(lambda: "refuse_gate" in w.leg.names())
        assert {view.state for view in life.views} == {State.RECONNECTING}
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED
        w.driver.failing.clear()
        await _listening_again(w, life, first)
        await life.service.set_microphone(w.ann, muted=False)
        assert w.agreed


async def test_sound_of_a_fresh_leg_that_comes_too_late_is_no_listening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path, join_limit_s=0.3) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.connects = False
        w.leg.media(Media.LOST)
        await eventually(lambda: len(w.driver.made) > 1)
        w.driver.failing["leave"] = AWAY
        async with asyncio.timeout(10):  # until that try is over
            while "is not connected again yet" not in caplog.text:
                await asyncio.sleep(0.01)
        life.views.clear()
        w.leg.media(Media.CONNECTED)
        await eventually(lambda: life.service.current().media is Media.CONNECTED)
        assert {view.state for view in life.views} == {State.RECONNECTING}
        w.leg.connects = True
        w.driver.failing.clear()
        await eventually(lambda: life.state is State.LISTENING)
        await eventually(lambda: w.driver.legs == {w.handle: None})


async def test_a_silent_fresh_leg_that_the_platform_hangs_up_is_one_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.monitoring.platform_events.AWAY_S", 0.3)
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        first = w.handle
        w.leg.connects = False
        w.driver.slow["monitor"] = 0.5
        w.driver.end_leg(first, EndReason.MEDIA_LOST)
        await eventually(lambda: w.handle != first and w.handle in w.driver.legs)
        w.leg.connects = True
        w.driver.slow.clear()
        second = w.handle
        w.driver.end_leg(second, EndReason.REMOVED)  # as a PBX does with one that it hears not
        await _listening_again(w, life, second)


@pytest.mark.parametrize("reason", [EndReason.PLATFORM_LOST, EndReason.FAILED])
async def test_a_fresh_leg_that_breaks_before_it_is_heard_is_one_try(
    tmp_path: Path, reason: EndReason
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["monitor"] = 0.5
        w.leg.media(Media.LOST)
        await eventually(lambda: len(w.driver.made) > 1)
        second = w.handle
        w.driver.end_leg(second, reason)
        w.driver.slow.clear()
        await eventually(lambda: life.state is State.LISTENING and w.handle != second)
        await eventually(lambda: w.driver.legs == {w.handle: None})


async def test_an_order_that_failed_while_it_is_heard_ends_the_session(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.end_leg(w.handle, EndReason.FAILED)
        assert (await _ended(life))[0] is EndReason.FAILED


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
        assert (await _ended(life))[0] is reason
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
        assert (await _ended(life))[0] is EndReason.CUSTOMER_ENDED


async def test_a_call_that_is_gone_is_not_media_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.interactions.clear()
        w.leg.media(Media.LOST)
        assert (await _ended(life))[0] is EndReason.CALL_ENDED
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
        assert (await _ended(life))[0] is EndReason.OWN_CALL
        assert len(w.driver.made) == 1


async def test_it_is_not_joined_again_without_the_permission(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.store.write(
            lambda database: database.execute("UPDATE accounts SET role = 'Technician'")
        )
        w.leg.media(Media.LOST)
        assert (await _ended(life))[0] is EndReason.NOT_PERMITTED
        assert len(w.driver.made) == 1
        await eventually(lambda: w.driver.legs == {})


async def test_it_is_not_joined_again_off_the_record(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.forbid_writing()
        w.leg.media(Media.LOST)
        assert (await _ended(life))[0] is EndReason.MEDIA_LOST
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
        assert (await _ended(life))[0] is EndReason.HUNG_UP
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
        await _listening_again(w, life, first)
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
        await _listening_again(w, life, first)
        for wish in (asking, later):
            with pytest.raises(Exception, match=r"."):
                await wish
        assert life.state is State.LISTENING
        assert "open_gate" not in w.leg.names()
        w.driver.slow.clear()
        await eventually(lambda: w.agreed)


async def test_control_that_dies_meanwhile_goes_on_with_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            session = (await life.service.monitor(w.ann, "call-1")).session_id
            first = w.handle
            w.driver.slow["leave"] = 2.0
            w.leg.media(Media.LOST)
            await eventually(lambda: life.state is State.RECONNECTING)
        w.driver.slow.clear()
        async with w.control() as life:
            await _listening_again(w, life, first)
            assert life.service.current().session_id == session
            assert first not in w.driver.legs


async def test_control_that_dies_with_no_leg_but_some_sound_goes_on_with_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            session = (await life.service.monitor(w.ann, "call-1")).session_id
            w.driver.failing["monitor"] = PlatformError("Not yet.")
            w.driver.end_leg(w.handle, EndReason.MEDIA_LOST)
            await eventually(lambda: len(w.driver.made) > 1)
            assert w.leg.call is not None
            assert w.leg.call.media is Media.CONNECTED  # the old one's
        w.driver.failing.clear()
        before = w.handle
        async with w.control() as life:
            await _listening_again(w, life, before)
            assert life.service.current().session_id == session
            assert State.RECONNECTING in [view.state for view in life.views]
            await life.service.set_microphone(w.ann, muted=False)
            assert w.agreed


async def test_a_leg_that_is_lost_again_and_again_ends(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.5) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")

        async def flap() -> None:
            while True:
                if w.leg.call is not None and w.leg.call.media is Media.CONNECTED:
                    w.leg.media(Media.LOST)
                await asyncio.sleep(0.05)

        flapping = asyncio.create_task(flap())
        assert (await _ended(life))[0] is EndReason.MEDIA_LOST
        flapping.cancel()
        assert len(w.driver.made) > 2
        await eventually(lambda: w.driver.legs == {})
        assert len(w.driver.made) < 6, "one in a second at most"


async def test_short_losses_of_what_is_mostly_heard_end_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=4.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        for _ in range(5):  # more sound in between than without, and longer in all than the limit
            first = w.handle
            w.leg.media(Media.LOST)
            await _listening_again(w, life, first)
            await asyncio.sleep(1.2)
        assert life.service.current().last_end is None


async def test_a_loss_soon_after_another_has_what_that_one_left(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=5.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.failing["monitor"] = PlatformError("Not yet.")
        w.leg.media(Media.LOST)
        await asyncio.sleep(2.0)  # the try behind it is the one after 3.75 s
        w.driver.failing.clear()
        await eventually(lambda: life.state is State.LISTENING)
        w.driver.failing["monitor"] = PlatformError("Never again.")
        began = time.monotonic()
        w.leg.media(Media.LOST)
        assert (await _ended(life))[0] is EndReason.MEDIA_LOST
        assert time.monotonic() - began < 4.5
