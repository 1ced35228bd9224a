"""A leg that the platform gave up, or lost, or hung up while it was silent: made anew, muted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.control_link.words import EndReason, Gate, Media
from appliance.monitoring.session_machine import State
from tests.support.monitoring_world import AWAY, ended, listening_again, world
from tests.support.waiting import eventually


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
        await listening_again(w, life, first)
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
        await listening_again(w, life, first)


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
        await listening_again(w, life, first)
        assert life.service.current().muted is True


async def test_signalling_that_stays_away_is_the_platform_lost(tmp_path: Path) -> None:
    async with world(tmp_path, reconnect_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.disconnect()
        w.driver.end_leg(w.handle, EndReason.PLATFORM_LOST)
        await eventually(lambda: life.state is State.RECONNECTING)
        assert (await ended(life))[0] is EndReason.PLATFORM_LOST
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
        await listening_again(w, life, first)
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
        await listening_again(w, life, first)


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
        await listening_again(w, life, first)
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
        await listening_again(w, life, second)


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
        assert (await ended(life))[0] is EndReason.FAILED
