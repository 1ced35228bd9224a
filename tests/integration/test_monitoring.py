"""The monitoring service over a real control link and a real database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.control_link.words import Audience, EndReason, Gate, Media
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import Agent
from tests.support.fake_driver import call
from tests.support.fake_leg import eventually
from tests.support.monitoring_world import Life, World, world


async def test_a_whole_session_is_silent_live_silent_and_on_record(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await _a_whole_session(w)
        await _its_record(w)


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
            ("bob", "mute"),
            ("ann", "ended"),
        ]
        assert (await life.service.audit.verify()).intact
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
