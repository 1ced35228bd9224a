"""Control goes and comes back: the call goes on, or ends cleanly and says why."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from appliance.control_link.events import Snapshot
from appliance.control_link.states import Press
from appliance.control_link.words import Action, Audience, Button, EndReason, Gate, Media
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Agent, PlatformError
from tests.support.fake_driver import call
from tests.support.fake_leg import Call
from tests.support.monitoring_world import world
from tests.support.waiting import eventually


async def test_a_session_is_taken_up_again_muted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            before = life.service.current()
        assert w.leg.call is not None
        w.leg.press_microphone()  # without control it refuses
        async with w.control() as life:
            view = life.service.current()
            assert view.state is State.LISTENING
            assert (view.session_id, view.owner) == (before.session_id, "ann")
            assert view.started_at == before.started_at
            assert w.driver.left == []
            assert w.driver.kept == {w.handle}  # not to be swept away at the driver's start
            await eventually(lambda: w.driver.asked[-1:] == [(w.handle, None)])
            await life.service.set_microphone(w.ann, muted=False)
            assert w.agreed
            await life.service.hang_up(w.ann)
            assert w.driver.legs == {}
            await eventually(lambda: w.leg.presses == [])
            presses = [
                (row.actor, row.detail) for row in await life.rows() if row.action == "press"
            ]
            assert presses == [
                ("ann", '{"action":"unmute_refused","button":"microphone","number":1}')
            ]


async def test_a_press_waits_until_the_platform_knows_the_new_life(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.driver.slow["resume"] = 0.5
        async with w.control() as life:
            assert life.state is State.LISTENING
            w.leg.press_microphone()
            await eventually(lambda: life.state is State.LIVE)
            assert w.agreed
            assert "unmute_refused" not in await life.actions()


async def test_an_open_gate_is_taken_over_as_it_is(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False, audience=Audience.AGENT)
        async with w.control() as life:
            view = life.service.current()
            assert (view.state, view.muted, view.audience) == (State.LIVE, False, Audience.AGENT)
            await eventually(lambda: len(w.driver.asked) == 2)
            assert w.agreed
            w.leg.press_microphone()
            await eventually(lambda: life.state is State.LISTENING and w.agreed)


async def test_an_open_gate_is_closed_when_the_platform_does_not_consent_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
        w.driver.failing["set_audience"] = PlatformError("No.")
        async with w.control() as life:
            await eventually(lambda: life.state is State.LISTENING)
            assert w.leg.call is not None
            assert w.leg.call.gate is Gate.CLOSED
            w.driver.failing.clear()
            await eventually(lambda: w.agreed)


async def test_muted_in_the_gap(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
        w.leg.press_microphone()
        async with w.control() as life:
            assert life.state is State.LISTENING
            await eventually(lambda: w.agreed)


async def test_left_in_the_gap_under_the_owners_name(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.leg.press_hang_up()
        async with w.control() as life:
            assert life.state is State.IDLE
            end = life.service.current().last_end
            assert end is not None
            assert end.reason is EndReason.HUNG_UP
            await eventually(lambda: w.driver.legs == {} and w.leg.presses == [])
            rows = await life.rows()
            assert [row.actor for row in rows if row.action == "press"] == ["ann"]
            record = await life.recorded()
            assert record.end_reason is EndReason.HUNG_UP


async def test_the_leg_left_for_want_of_control(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.leg.end(EndReason.CONTROL_LOST)
        async with w.control() as life:
            await eventually(lambda: w.driver.legs == {})
            record = await life.recorded()
            assert record.end_reason is EndReason.CONTROL_LOST


async def test_the_call_ended_in_the_gap(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.driver.legs.clear()
        w.driver.interactions.pop("call-1")
        async with w.control() as life:
            await eventually(lambda: life.state is State.IDLE)
            assert w.leg.ear == ["call_ended"]


async def test_the_leg_ended_in_the_gap_and_not_the_call(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.driver.legs.clear()
        async with w.control() as life:
            await eventually(lambda: life.state is State.IDLE)
            assert w.leg.ear == ["control_lost"]
            end = life.service.current().last_end
            assert end is not None
            assert "did not outlive a restart" in end.detail  # and not that it was away for long


async def test_transferred_to_oneself_in_the_gap(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.driver.interactions["call-1"] = call(1, agents=(Agent("agent-3", "Ann"),))
        async with w.control() as life:
            await eventually(lambda: life.state is State.IDLE)
            assert w.leg.ear == ["own_call"]


async def test_the_leg_never_shows_up(tmp_path: Path) -> None:
    async with world(tmp_path, resume_window_s=0.3) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.leg.silent = True
        async with w.control() as life:
            await eventually(lambda: w.driver.legs == {})
            await eventually(lambda: life.service.current().last_end is not None)


async def test_the_platform_is_reached_only_later(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
        w.driver.connected = False
        async with w.control() as life:
            assert life.state is State.LISTENING
            w.driver.connect()
            await life.service.set_microphone(w.ann, muted=False)
            assert w.agreed


async def test_a_call_of_nobody_is_sent_home(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.leg.call = Call("foreign", media=Media.CONNECTED)
        async with w.control() as life:
            await eventually(lambda: w.leg.call is None)
            assert w.leg.ear == ["control_lost"]
            await life.service.monitor(w.ann, "call-1")


async def test_a_join_cut_off_by_a_restart_is_undone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.leg.connects = False
        async with w.control() as life:
            joining = asyncio.create_task(life.service.monitor(w.ann, "call-1"))
            await eventually(lambda: w.driver.legs != {})
        await asyncio.wait({joining})
        assert joining.exception() is not None
        assert w.driver.legs == {}
        assert w.leg.call is None


async def test_presses_told_twice_are_written_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        press = Press(
            number=1, at=time.monotonic(), button=Button.MICROPHONE, action=Action.IGNORED
        )
        w.leg.presses = [press]
        w.leg.deaf.add("ack_presses")
        async with w.control() as life:
            await eventually(lambda: "ack_presses" in w.leg.names())
        w.leg.presses, w.leg.deaf = [press, press.model_copy(update={"number": 2})], set()
        async with w.control() as life:
            await eventually(lambda: w.leg.presses == [])
            assert await life.actions() == ["press", "press"]


async def test_the_link_breaks_for_a_moment(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.set_microphone(w.ann, muted=False)
        w.leg.drop()
        w.leg.press_microphone()  # nobody hears of it but the gate
        await eventually(lambda: life.state is State.LISTENING and w.agreed)
        assert life.service.current().last_end is None


async def test_garbage_on_the_link_is_survived(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        for garbage in (b"\x00\xff\n", b"{}\n", b'{"type":"levels"}\n', b"[" * 300_000 + b"\n"):
            life.views.clear()
            w.leg.send_raw(garbage)
            await eventually(lambda: [v.leg_connected for v in life.views] == [False, True])
            assert life.state is State.LISTENING


async def test_a_hung_leg_makes_the_microphone_unknown_not_muted(tmp_path: Path) -> None:
    async with world(tmp_path, unknown_after_s=0.2, leg_lost_after_s=60) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.silent = True
        await eventually(lambda: life.service.current().muted is None)
        await eventually(lambda: life.views[-1].muted is None)
        assert isinstance(w.leg.snapshot(), Snapshot)
        w.leg.silent = False
        w.leg.drop()
        await eventually(lambda: life.service.current().muted is True)
