"""The monitoring service over a real control link and a real database."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path

import pytest

from appliance.control_link.events import Quality
from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session import MonitoringView
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import PlatformError
from appliance.service.errors import BargeboxError
from tests.support.fake_driver import call
from tests.support.monitoring_world import Life, World, world
from tests.support.waiting import eventually


async def test_a_whole_session_is_silent_live_silent_and_on_record(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await _a_whole_session(w)
        await _its_record(w)


async def test_how_it_sounded_is_on_record_and_on_the_list(tmp_path: Path) -> None:
    sound = SessionQuality(mos=4.2, mos_worst=3.1, lost_percent=0.3, delay_ms=120.0)
    async with world(tmp_path) as w:
        async with w.control() as life:
            told: list[Quality] = []
            life.service.listen(
                lambda notice: told.append(notice) if isinstance(notice, Quality) else None
            )
            view = await life.service.monitor(w.ann, "call-1")
            assert view.session_id is not None
            measured = Quality(
                session_id=view.session_id, received=900, lost=3, concealed_ms=60, jitter_ms=2,
                delay_ms=40, sent=900, mos=4.3, session=sound,
            )  # fmt: skip
            w.leg.emit(measured)
            await eventually(lambda: told == [measured])
            (running,) = life.service.book.get(w.ann, "call-1").interaction.monitors
            assert running.sound is None  # it would change each second
            await life.service.hang_up(w.ann)
            (over,) = life.service.book.get(w.ann, "call-1").interaction.monitors
            assert over.sound == sound
            record = await life.recorded()
            assert record.sound == sound
            assert record.quality is not None
            assert record.quality["mos"] == 4.3
            assert "session" not in record.quality
        async with w.control() as life:
            (recalled,) = life.service.book.get(w.ann, "call-1").interaction.monitors
            assert recalled.sound == sound


async def _a_whole_session(w: World) -> None:
    async with w.control() as life:
        view = await life.service.monitor(w.ann, "call-1")
        assert view.state is State.LISTENING
        assert view.muted is True
        assert view.owner == "ann"
        assert w.driver.asked == []
        assert w.driver.supervisors == ["ann"]

        view = await life.service.set_microphone(w.ann, muted=False)
        assert (view.state, view.muted, view.audience) == (State.LIVE, False, Audience.EVERYONE)
        assert w.agreed

        view = await life.service.set_microphone(w.ann, muted=False, audience=Audience.AGENT)
        assert (view.state, view.audience) == (State.LIVE, Audience.AGENT)
        assert w.agreed

        view = await life.service.set_microphone(w.bob, muted=True)
        assert (view.state, view.muted) == (State.LISTENING, True)
        await eventually(lambda: w.agreed)

        await life.service.hang_up(w.ann)
        view = life.service.current()
        assert view.state is State.IDLE
        assert view.last_end is not None
        assert view.last_end.reason is EndReason.HUNG_UP
        assert w.driver.legs == {}
        assert w.leg.call is None
        assert w.leg.ear == ["hung_up"]


async def _its_record(w: World) -> None:
    async with w.control() as life:
        rows = [(row.actor, row.action) for row in await life.rows()]
        assert rows == [
            ("ann", "monitor"),
            ("ann", "unmute"),
            ("ann", "unmute"),
            ("bob", "mute_asked"),
            ("bob", "mute"),
            ("ann", "ended"),
        ]
        assert (await life.service.audit.check()).verdict.intact
        (record,), total = await life.service.history.page()
        assert total == 1
        assert record.end_reason is EndReason.HUNG_UP
        assert [span.audience for span in record.barges] == [Audience.EVERYONE, Audience.AGENT]
        assert all(span.ended_at is not None for span in record.barges)
        assert await life.service.history.open_legs() == []


async def test_the_button_barges_in_and_mutes_under_the_owners_name(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.press_microphone()
        await eventually(lambda: life.state is State.LIVE)
        assert w.agreed
        w.leg.press_microphone()
        await eventually(lambda: life.state is State.LISTENING and w.agreed)
        await eventually(lambda: w.leg.presses == [])
        presses = [row for row in await life.rows() if row.action == "press"]
        assert [row.actor for row in presses] == ["ann", "ann"]


async def test_views_tell_every_state_on_the_way(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.press_microphone()
        await eventually(lambda: life.state is State.LIVE)
        w.leg.media(Media.INTERRUPTED)
        await eventually(lambda: life.state is State.RECONNECTING and w.agreed)
        w.leg.media(Media.CONNECTED)
        await eventually(lambda: life.state is State.LISTENING)
        await life.service.hang_up(w.ann)
        states = [state for state, _ in groupby(view.state for view in life.views)]
        story = "joining listening live reconnecting listening ended idle"
        assert " ".join(states).endswith(story)
        assert all(_truthful(view) for view in life.views)


def _truthful(view: MonitoringView) -> bool:
    return (view.gate is Gate.OPEN) == (view.muted is False)


async def test_unmute_is_refused_while_reconnecting(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.leg.media(Media.INTERRUPTED)
        await eventually(lambda: life.state is State.RECONNECTING)
        with pytest.raises(RefusedError) as refused:
            await life.service.set_microphone(w.ann, muted=False)
        assert refused.value.code == "not_listening"
        assert w.driver.asked == []


# -- two people


async def test_the_box_is_busy_for_the_second_and_only_the_owner_unmutes(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        for account, number in ((w.bob, 1), (w.bob, 2), (w.ann, 2)):
            with pytest.raises(RefusedError) as refused:
                await life.service.monitor(account, f"call-{number}")
            assert refused.value.code == "busy"
        with pytest.raises(RefusedError) as refused:
            await life.service.set_microphone(w.bob, muted=False)
        assert refused.value.code == "not_permitted"
        assert "ann" in refused.value.detail
        assert "open_gate" not in w.leg.names()
        await life.service.set_microphone(w.ann, muted=False)
        with pytest.raises(RefusedError):
            await life.service.set_microphone(w.bob, muted=False, audience=Audience.AGENT)
        assert life.state is State.LIVE  # a stranger's wish does not disturb the owner's
        await life.service.hang_up(w.bob)
        assert life.service.current().state is State.IDLE


async def test_of_two_at_once_one_joins(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        results = await asyncio.gather(
            life.service.monitor(w.ann, "call-1"),
            life.service.monitor(w.bob, "call-2"),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, RefusedError)]
        assert [error.code for error in refused] == ["busy"]
        assert len(w.driver.legs) == 1


# -- how it does not begin


REFUSED_BY_POLICY = {
    "own_call": call(3),  # ann is agent-3
    "no_monitoring_object": call(
        20, monitorable=False, not_monitorable_reason=EndReason.NO_MONITORING_OBJECT
    ),
    "monitoring_disabled": call(
        21, monitorable=False, not_monitorable_reason=EndReason.MONITORING_DISABLED
    ),
}


@pytest.mark.parametrize("code", REFUSED_BY_POLICY)
async def test_policy_refuses_before_a_leg_exists_and_the_ear_hears_why(
    tmp_path: Path, code: str
) -> None:
    async with world(tmp_path) as w, w.control() as life:
        w.driver.change(REFUSED_BY_POLICY[code])
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor(w.ann, REFUSED_BY_POLICY[code].id)
        assert refused.value.code == code
        await eventually(lambda: w.leg.ear == [code])
        assert w.driver.made == []
        assert "join" not in w.leg.names()


@pytest.mark.parametrize(
    "code", ["not_permitted", "no_monitoring_object", "monitoring_disabled", "call_ended", "boom"]
)
async def test_the_platforms_refusal_undoes_everything(tmp_path: Path, code: str) -> None:
    async with world(tmp_path) as w, w.control() as life:
        w.driver.failing["monitor"] = PlatformError("No.", code=code)
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor(w.ann, "call-1")
        assert (refused.value.code, refused.value.detail) == (code, "No.")
        await eventually(lambda: life.state is State.IDLE)
        assert w.leg.call is None
        assert w.leg.ear == [code if code != "boom" else "failed"]
        assert w.driver.left == [w.handle]
        async with asyncio.timeout(5):
            while await life.service.history.open_legs():  # written behind the refusal
                await asyncio.sleep(0.01)


async def test_a_join_that_takes_too_long_is_undone(tmp_path: Path) -> None:
    async with world(tmp_path, join_limit_s=0.3) as w, w.control() as life:
        w.leg.connects = False
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor(w.ann, "call-1")
        assert refused.value.code == "failed"
        assert "0.3 s" in refused.value.detail
        await eventually(lambda: life.state is State.IDLE)
        assert w.leg.call is None
        assert w.driver.legs == {}


async def test_a_join_can_be_left_before_it_is_through(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        w.driver.slow["monitor"] = 30.0
        joining = asyncio.create_task(life.service.monitor(w.ann, "call-1"))
        await eventually(lambda: w.driver.made != [])
        await life.service.hang_up(w.ann)
        with pytest.raises(RefusedError) as refused:
            await joining
        assert refused.value.code == "hung_up"
        assert w.driver.left == [w.handle]
        assert w.leg.call is None


async def test_nothing_is_made_without_a_record(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.forbid_writing()
        with pytest.raises(RefusedError) as refused:
            await life.service.monitor(w.ann, "call-1")
        assert refused.value.code == "audit_unwritable"
        await eventually(lambda: life.state is State.IDLE)
        assert w.driver.made == []
        assert w.leg.call is None
        await life.forbid_writing(False)
        await life.service.monitor(w.ann, "call-1")


async def test_without_a_record_muting_and_leaving_work_and_unmuting_does_not(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await _a_session_on_a_broken_disk(w, life)
        async with w.control() as life:  # what happened meanwhile was kept in memory and written
            actions = await life.actions()
            assert actions.count("mute") == 1
            assert actions.count("unmute_refused") == 2
            assert actions.count("ended") >= 1
            assert (await life.service.audit.check()).verdict.intact


async def _a_session_on_a_broken_disk(w: World, life: Life) -> None:
    await life.service.monitor(w.ann, "call-1")
    await life.service.set_microphone(w.ann, muted=False)
    await life.forbid_writing()
    view = await life.service.set_microphone(w.ann, muted=True)
    assert view.muted is True
    with pytest.raises(BargeboxError) as refused:
        await life.service.set_microphone(w.ann, muted=False)
    assert refused.value.code == "audit_unwritable"
    w.leg.press_microphone()
    await eventually(lambda: w.leg.ear == ["refused", "refused"])
    await eventually(lambda: w.agreed)
    await life.service.hang_up(w.ann)
    assert w.leg.call is None
    assert w.driver.legs == {}
    await life.forbid_writing(False)
