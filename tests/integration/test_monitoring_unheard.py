"""A mute that the leg did not take: it is asked until it has closed, and nothing undoes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.control_link.words import Audience, Gate
from appliance.monitoring import agreement
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import PlatformError
from appliance.service.errors import BargeboxError
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually


async def _live(w: World, life: Life) -> None:
    await life.service.monitor(w.ann, "call-1")
    await life.service.set_microphone(w.ann, muted=False)


async def _muted_unheard(w: World, life: Life) -> None:
    """Ann is live; Bob mutes, and the leg does not answer."""
    await _live(w, life)
    w.leg.deaf.add("close_gate")
    with pytest.raises(BargeboxError) as refused:
        await life.service.set_microphone(w.bob, muted=True)
    assert refused.value.code == "leg_unreachable"
    await eventually(lambda: w.driver.legs == {w.handle: None})
    assert _gate(w) is Gate.OPEN


def _gate(w: World) -> Gate:
    assert w.leg.call is not None
    return w.leg.call.gate


async def test_another_audience_does_not_undo_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await _muted_unheard(w, life)
        with pytest.raises(BargeboxError) as refused:
            await life.service.set_microphone(w.ann, False, Audience.AGENT, only_live=True)
        assert refused.value.code == "stale"
        assert w.driver.legs == {w.handle: None}
        w.leg.deaf.clear()
        await eventually(lambda: _gate(w) is Gate.CLOSED, 3.0)
        assert {who for _, who in w.driver.asked} == {Audience.EVERYONE, None}


async def test_the_leg_is_asked_again_until_it_has_closed(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await _muted_unheard(w, life)
        w.leg.deaf.clear()
        await eventually(lambda: _gate(w) is Gate.CLOSED, 3.0)
        await eventually(lambda: life.state is State.LISTENING)
        assert await life.who_muted(1) == ["bob"]
        asked = w.leg.names().count("close_gate")
        await asyncio.sleep(agreement.RETRY_S + 0.3)
        assert w.leg.names().count("close_gate") == asked, "and then no more"


async def test_a_leg_that_is_met_again_is_asked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "RETRY_S", 60.0)
    async with world(tmp_path) as w, w.control() as life:
        await _muted_unheard(w, life)
        w.leg.deaf.clear()
        w.leg.drop()
        await eventually(lambda: _gate(w) is Gate.CLOSED, 3.0)
        await eventually(lambda: life.state is State.LISTENING)


async def test_the_next_life_does_not_undo_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await _muted_unheard(w, life)
        told = len(w.driver.asked)
        before = len(w.leg.taken)
        async with w.control() as life:
            await eventually(lambda: (w.handle, None) in w.driver.asked[told:])
            await asyncio.sleep(0.3)
            assert w.driver.legs == {w.handle: None}
            assert {who for _, who in w.driver.asked[told:]} == {None}, "somebody was to hear it"
            assert not {"prepare_gate", "open_gate"} & set(w.leg.names()[before:])
            w.leg.deaf.clear()
            await eventually(lambda: _gate(w) is Gate.CLOSED, 3.0)
            await eventually(lambda: life.state is State.LISTENING)
            assert await life.who_muted(1) == ["bob"]


async def test_the_next_life_closes_at_its_first_word(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await _muted_unheard(w, life)
        w.leg.deaf.clear()
        w.driver.slow["resume"] = 30.0  # the platform does not answer
        async with w.control() as life:
            await eventually(lambda: _gate(w) is Gate.CLOSED, 0.9)
            await eventually(lambda: life.state is State.LISTENING)


async def test_who_unmutes_after_it_is_heard_in_the_next_life_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await _muted_unheard(w, life)
            w.leg.deaf.clear()
            await life.service.set_microphone(w.ann, muted=False)
            assert life.state is State.LIVE
        told = len(w.driver.asked)
        async with w.control() as life:
            await eventually(lambda: len(w.driver.asked) > told)
            await eventually(lambda: w.agreed)
            assert life.state is State.LIVE


async def test_a_refused_wish_is_closed_by_a_leg_that_hears_later(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await _live(w, life)
        w.leg.deaf |= {"refuse_gate", "close_gate"}
        w.driver.failing["set_audience"] = PlatformError("Not now.")
        with pytest.raises(BargeboxError, match="Not now"):
            await life.service.set_microphone(w.ann, False, Audience.AGENT)
        await eventually(lambda: "close_gate" in w.leg.names())
        assert _gate(w) is Gate.OPEN
        w.driver.failing.clear()
        w.leg.deaf.clear()
        await eventually(lambda: _gate(w) is Gate.CLOSED, 3.0)
        await eventually(lambda: w.agreed)
