"""Presses, requests and faults in any order: platform, gate, state and page settle equal."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from appliance.control_link.commands import AnyCommand, OpenGate, PrepareGate
from appliance.control_link.events import Reply
from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import PlatformError
from appliance.service.errors import BargeboxError
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually


def _settled(w: World, life: Life) -> bool:
    assert w.leg.call is not None
    live = w.leg.call.gate is Gate.OPEN
    view = life.service.current()
    return (
        w.leg.call.gate is not Gate.OPENING
        and w.agreed
        and view.state is (State.LIVE if live else State.LISTENING)
        and view.muted is not live
        and life.views[-1].muted is not live
        and (not live or view.audience is w.leg.call.audience)
    )


async def _quietly(work: object) -> None:
    try:
        await work  # type: ignore[misc]
    except BargeboxError:
        return


async def _one_thing(
    w: World, life: Life, dice: random.Random, asked: list[asyncio.Task[None]]
) -> None:
    audience = dice.choice([Audience.EVERYONE, Audience.AGENT, None])
    match dice.randrange(10):
        case 0 | 1 | 2 | 3:
            w.leg.press_microphone()
        case 4 | 5:
            work = life.service.set_microphone(w.ann, False, audience)
            asked.append(asyncio.create_task(_quietly(work)))
        case 6:
            work = life.service.set_microphone(dice.choice([w.ann, w.bob]), True)
            asked.append(asyncio.create_task(_quietly(work)))
        case 7:
            w.driver.failing["set_audience"] = PlatformError("Not now.")
        case 8:
            w.driver.failing.clear()
        case _:
            w.leg.media(Media.INTERRUPTED)
            w.leg.media(Media.CONNECTED)
    await asyncio.sleep(dice.choice((0, 0, 0, 0.001, 0.004)))


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_all_settle_equal(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with world(tmp_path) as w, w.control() as life:
        w.driver.jitter = random.Random(seed)
        w.leg.frame_after_s = dice.choice((0.0, 0.002))
        await life.service.monitor(w.ann, "call-1")
        asked: list[asyncio.Task[None]] = []
        for _ in range(8):
            for _ in range(25):
                await _one_thing(w, life, dice, asked)
            w.driver.failing.clear()
            await asyncio.gather(*asked)
            await _consented(w)
            await eventually(lambda: _settled(w, life))
        assert life.state in {State.LISTENING, State.LIVE}
        await life.service.hang_up(w.ann)
        assert w.driver.legs == {}
        assert (await life.service.audit.check()).verdict.intact


async def _consented(w: World) -> None:
    """Nobody's wish hangs in the air: each opening was answered."""
    await eventually(lambda: w.leg.call is None or w.leg.call.gate is not Gate.OPENING)


async def test_muted_while_the_platform_thinks(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["set_audience"] = 0.1
        unmuting = asyncio.create_task(life.service.set_microphone(w.ann, muted=False))
        await eventually(lambda: w.driver.asked != [])
        view = await life.service.set_microphone(w.bob, muted=True)
        assert view.muted is True
        with pytest.raises(BargeboxError) as refused:
            await unmuting
        assert refused.value.code == "stale"
        await eventually(lambda: w.agreed)
        assert "open_gate" not in w.leg.names()


async def test_pressed_twice_while_the_platform_thinks(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["set_audience"] = 0.05
        w.leg.press_microphone()
        await eventually(lambda: w.driver.asked != [])
        w.leg.press_microphone()
        await eventually(lambda: (w.handle, None) in w.driver.asked)
        await eventually(lambda: w.agreed)
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED
        assert all(view.muted is True for view in life.views)


async def test_ended_while_the_platform_thinks(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["set_audience"] = 0.05
        unmuting = asyncio.create_task(life.service.set_microphone(w.ann, muted=False))
        await eventually(lambda: w.driver.asked != [])
        w.driver.end_leg(w.handle, EndReason.CUSTOMER_ENDED)
        with pytest.raises(BargeboxError):
            await unmuting
        await eventually(lambda: life.state is State.IDLE)
        assert w.leg.ear == ["customer_ended"]
        await life.service.monitor(w.ann, "call-2")


async def test_muting_is_not_held_up_by_a_platform_that_does_not_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        w.driver.slow["set_audience"] = 30.0
        view = await life.service.set_microphone(w.ann, muted=True)
        assert (view.state, view.muted) == (State.LISTENING, True)


async def test_a_platform_that_did_not_mute_is_told_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        w.driver.failing["set_audience"] = PlatformError("Not now.")
        await life.service.set_microphone(w.ann, muted=True)
        await eventually(lambda: w.driver.asked[-1][1] is None)
        assert not w.agreed
        w.driver.failing.clear()
        await eventually(lambda: w.agreed)


async def test_a_gate_open_without_consent_is_closed(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg._move(Gate.OPENING, "fault")
        w.leg._move(Gate.OPEN, "fault")
        await eventually(lambda: State.LIVE in {view.state for view in life.views})
        await eventually(lambda: life.state is State.LISTENING)  # what is true was shown


@pytest.mark.parametrize("command", ["prepare_gate", "open_gate"])
async def test_a_leg_that_refuses_leaves_the_platform_silent(tmp_path: Path, command: str) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.refuse[command] = "headset_lost"
        with pytest.raises(BargeboxError) as refused:
            await life.service.set_microphone(w.ann, muted=False)
        assert refused.value.code == "headset_lost"
        await eventually(lambda: w.agreed)
        assert w.driver.legs == {w.handle: None}


async def test_muting_with_the_leg_away_silences_the_platform_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        w.leg.deaf.add("close_gate")
        with pytest.raises(BargeboxError) as refused:
            await life.service.set_microphone(w.ann, muted=True)
        assert refused.value.code == "leg_unreachable"
        assert life.service.current().muted is False  # it is not known to be muted
        await eventually(lambda: w.driver.legs[w.handle] is None)


async def test_a_wish_that_is_refused_while_live_mutes_in_the_boxs_name(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        w.leg.refuse["prepare_gate"] = "busy"
        with pytest.raises(BargeboxError):
            await life.service.set_microphone(w.ann, muted=False, audience=Audience.AGENT)
        await eventually(lambda: life.state is State.LISTENING)
        assert await life.who_muted(1) == ["bargebox"]


async def test_who_asks_to_mute_is_named_though_the_next_wish_is_under_way(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        for _ in range(20):
            await life.service.set_microphone(w.ann, muted=False)
            muting = asyncio.create_task(life.service.set_microphone(w.ann, muted=True))
            await asyncio.sleep(0)
            await asyncio.gather(
                muting, life.service.set_microphone(w.ann, muted=False), return_exceptions=True
            )
            await life.service.set_microphone(w.ann, muted=True)
        assert set(await life.who_muted(20)) == {"ann"}


async def test_the_barge_limit_mutes(tmp_path: Path) -> None:
    async with world(tmp_path, barge_limit_s=0.2) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        await eventually(lambda: life.state is State.LISTENING and w.agreed)
        actors = [row.actor for row in await life.rows() if row.action == "mute"]
        assert actors in ([], ["bargebox"])


@pytest.mark.parametrize("known", [True, False], ids=["told", "not told yet"])
async def test_another_audience_un_mutes_nobody_who_was_muted_meanwhile(
    tmp_path: Path, known: bool
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        await life.service.set_microphone(w.ann, False, Audience.AGENT, only_live=True)
        assert set(w.driver.legs.values()) == {Audience.AGENT}
        w.leg.press_microphone()
        if known:
            await eventually(lambda: life.state is State.LISTENING)
        with pytest.raises(BargeboxError) as refused:
            await life.service.set_microphone(w.ann, False, Audience.EVERYONE, only_live=True)
        assert refused.value.code == "stale"
        assert w.leg.call is not None
        assert w.leg.call.gate is Gate.CLOSED
        await eventually(lambda: w.agreed and set(w.driver.legs.values()) == {None})
        assert life.state is State.LISTENING


async def test_nobody_joins_a_life_that_is_about_to_end(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        reopen = await life.service.close()
        with pytest.raises(RefusedError, match="restarts its connection") as refused:
            await life.service.monitor(w.ann, "call-1")
        assert refused.value.code == "busy"
        assert w.driver.made == []
        reopen()
        await life.service.monitor(w.ann, "call-1")
        with pytest.raises(RefusedError, match="ann is monitoring a call"):
            await life.service.close()
        await life.service.hang_up(w.ann)
        await life.service.close()


async def test_nobody_opens_what_another_has_closed(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        first = await life.service.close()
        second = await life.service.close()
        first()
        first()
        with pytest.raises(RefusedError, match="restarts its connection"):
            await life.service.monitor(w.ann, "call-1")
        second()
        await life.service.monitor(w.ann, "call-1")


async def test_whoever_gives_up_closing_leaves_it_open(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        w.driver.slow["leave"] = 3.0
        await life.service.monitor(w.ann, "call-1")
        await life.service.hang_up(w.ann)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await life.service.close()
        await life.service.monitor(w.ann, "call-1")


async def test_a_mute_while_an_open_gate_is_taken_over_stays(tmp_path: Path) -> None:
    """Pressed before the new life's first word on the gate is with the leg."""
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
        carry_out = w.leg.carry_out

        async def pressed_first(command: AnyCommand) -> Reply:
            if isinstance(command, PrepareGate | OpenGate):
                w.leg.carry_out = carry_out  # type: ignore[method-assign]
                w.leg.press_microphone()
            return await carry_out(command)

        w.leg.carry_out = pressed_first  # type: ignore[method-assign]
        async with w.control() as life:
            await eventually(lambda: w.leg.call is not None and w.leg.call.gate is Gate.CLOSED)
            closed_at = w.leg.epoch
            await eventually(lambda: _settled(w, life))
            assert life.state is State.LISTENING
            await asyncio.sleep(0.3)
            assert w.leg.epoch == closed_at


async def test_a_call_of_a_former_life_keeps_this_one_open(tmp_path: Path) -> None:
    async with world(tmp_path, resume_window_s=30.0) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.leg.silent = True
        async with w.control() as life:
            with pytest.raises(RefusedError, match="looks for a call to go on with"):
                await life.service.close()
