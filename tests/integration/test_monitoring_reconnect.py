"""A lost connection is made good by a fresh leg in the same session, or ends and says why."""

from __future__ import annotations

import asyncio
import time
from itertools import groupby
from pathlib import Path

from appliance.control_link.words import EndReason, Gate, Media
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import PlatformError
from tests.support.monitoring_world import AWAY, ended, listening_again, world
from tests.support.waiting import eventually


async def test_live_at_the_loss_it_comes_back_muted_in_the_same_session(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        session = (await life.service.monitor(w.ann, "call-1")).session_id
        await life.service.set_microphone(w.ann, muted=False)
        first = w.handle
        w.leg.media(Media.INTERRUPTED)
        w.leg.media(Media.LOST)
        await listening_again(w, life, first)
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
        reason, detail = await ended(life)
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
        assert (await ended(life))[0] is EndReason.MEDIA_LOST
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
        await listening_again(w, life, first)
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
        await listening_again(w, life, first)


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
        await listening_again(w, life, first)
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
            await listening_again(w, life, first)
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
            await listening_again(w, life, before)
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
        assert (await ended(life))[0] is EndReason.MEDIA_LOST
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
            await listening_again(w, life, first)
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
        assert (await ended(life))[0] is EndReason.MEDIA_LOST
        assert time.monotonic() - began < 4.5
