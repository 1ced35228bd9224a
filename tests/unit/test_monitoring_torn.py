"""What is on record when control, disk or platform were away at the moment itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.control_link.states import EndedCall, Press
from appliance.control_link.words import Action, Audience, Button, EndReason
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from tests.support.monitoring_world import Life, world
from tests.support.waiting import eventually


async def _first(life: Life) -> SessionRecord:
    async with asyncio.timeout(5):
        while not (found := (await life.service.history.page())[0]):
            await asyncio.sleep(0.01)
    return found[-1]


async def test_a_mute_in_the_gap_ends_the_barge_there(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
        w.leg.press_microphone()
        muted_at = datetime.now(UTC)
        await asyncio.sleep(0.3)
        async with w.control() as life:
            await life.service.set_microphone(w.ann, muted=False)
            await life.service.hang_up(w.ann)
            first, second = (await _first(life)).barges
            assert first.ended_at is not None
            assert abs(first.ended_at - muted_at) < timedelta(seconds=0.2)
            assert second.started_at > first.ended_at
            rows = [(r.actor, r.detail) for r in await life.rows() if r.action == "mute"]
            assert rows == [("ann", '{"cause":"button"}')]


async def test_a_barge_that_history_never_heard_of_is_on_record(tmp_path: Path) -> None:
    """The process died between the gate's opening and history's row of it."""
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
            await life.store.write(lambda database: database.execute("DELETE FROM barges"))
        async with w.control() as life:
            await eventually(lambda: life.state is State.LIVE)
            await life.service.hang_up(w.ann)
            (barge,) = (await _first(life)).barges
            assert barge.audience is Audience.EVERYONE
            assert barge.ended_at is not None


async def test_a_stop_while_consent_is_awaited_is_no_barge(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            w.driver.slow["set_audience"] = 5.0
            asking = asyncio.create_task(life.service.set_microphone(w.ann, muted=False))
            while "unmute" not in await life.actions():
                await asyncio.sleep(0.01)
        with pytest.raises(RefusedError, match="restarts"):
            await asking
        w.driver.slow.clear()
        async with w.control() as life:
            await eventually(lambda: life.state is State.LISTENING)
            await life.service.hang_up(w.ann)
            assert (await _first(life)).barges == ()


def unwrite_the_last_barge(database: sqlite3.Connection) -> None:
    """As if the process had died before it."""
    database.execute("DELETE FROM barges WHERE ended_at IS NULL")
    database.execute("UPDATE barges SET ended_at = NULL")


@pytest.mark.parametrize("reached_the_gate", [False, True])
async def test_the_leg_says_who_hears_after_a_change_torn_off(
    tmp_path: Path, reached_the_gate: bool
) -> None:
    """From all to the agent alone: on record as asked for, and then the process died."""
    first, second = Audience.EVERYONE, Audience.AGENT
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False, audience=first)
            await life.service.set_microphone(w.ann, muted=False, audience=second)
            await life.store.write(unwrite_the_last_barge)
        assert w.leg.call is not None
        w.leg.call.audience = second if reached_the_gate else first
        async with w.control() as life:
            await eventually(lambda: life.state is State.LIVE)
            await life.service.hang_up(w.ann)
            heard = [barge.audience for barge in (await _first(life)).barges]
            assert heard == ([first, second] if reached_the_gate else [first])


async def test_a_session_torn_off_ends_when_the_leg_left(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
            session_id = life.service.current().session_id
        assert session_id is not None
        w.leg.end(EndReason.CONTROL_LOST)
        hour_ago = time.monotonic() - 3600
        w.leg.last_ended = EndedCall(
            session_id=session_id, reason=EndReason.CONTROL_LOST, at=hour_ago
        )
        async with w.control() as life:
            found = await _first(life)
            assert found.ended_at is not None
            assert datetime.now(UTC) - found.ended_at > timedelta(seconds=3590)
            assert found.barges[0].ended_at is not None
            assert found.barges[0].ended_at <= max(found.ended_at, found.barges[0].started_at)


async def test_an_end_that_only_the_audit_log_took_is_taken_over(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.control() as life:
            await life.service.monitor(w.ann, "call-1")
            await life.service.set_microphone(w.ann, muted=False)
            await life.forbid_writing()
            await life.service.set_microphone(w.ann, muted=True)
            await asyncio.sleep(0.3)
            await life.service.hang_up(w.ann)
            await life.forbid_writing(False)
        async with w.control() as life:
            found = await _first(life)
            assert found.end_reason is EndReason.HUNG_UP
            (barge,) = found.barges
            assert barge.ended_at is not None
            assert found.ended_at is not None
            assert found.ended_at - barge.ended_at > timedelta(seconds=0.2)
            assert (await life.actions()).count("ended") == 1


async def test_somebody_else_who_hangs_up_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        await life.service.hang_up(w.bob)
        end = life.service.current().last_end
        assert end is not None
        assert (end.reason, end.detail[:4]) == (EndReason.HUNG_UP, "bob ")


async def test_the_button_speaks_for_the_account_as_it_is_now(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")

        def demote(database: sqlite3.Connection) -> None:
            database.execute("UPDATE accounts SET role = 'Technician' WHERE name = 'ann'")

        await life.store.write(demote)
        w.leg.press_microphone()
        await eventually(lambda: w.leg.ear == ["refused"])
        await eventually(lambda: w.agreed)
        assert life.state is State.LISTENING


async def test_a_disk_that_hangs_does_not_stop_the_watch(tmp_path: Path) -> None:
    quick = {"unknown_after_s": 0.2, "leg_lost_after_s": 60}
    async with world(tmp_path, **quick) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        writing = asyncio.create_task(life.store.write(lambda _: time.sleep(2.5)))
        await asyncio.sleep(0.1)
        w.leg.presses = [
            Press(number=1, at=time.monotonic(), button=Button.MICROPHONE, action=Action.IGNORED)
        ]
        w.leg.drop()  # the next connection tells of it
        await eventually(lambda: life.service.current().leg_connected)
        await asyncio.sleep(0.5)
        w.leg.silent = True
        begun = time.monotonic()
        await eventually(lambda: life.views[-1].muted is None)
        assert time.monotonic() - begun < 1.2
        w.leg.silent = False
        w.leg.drop()
        await writing


async def test_a_platform_that_consents_too_late_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        w.driver.slow["set_audience"] = 3.0
        begun = time.monotonic()
        with pytest.raises(RefusedError) as refused:
            await life.service.set_microphone(w.ann, muted=False)
        assert time.monotonic() - begun < 2.5
        assert "platform" in refused.value.detail
        w.driver.slow.clear()
        await eventually(lambda: w.agreed)
