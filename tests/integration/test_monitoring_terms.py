"""A site that asks before each call, and one that limits how long a supervisor is heard."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.control_link.words import Audience
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.monitoring.terms import NO_NEXT, Given
from tests.support.monitoring_world import ended, world
from tests.support.waiting import eventually

ASKS = {"confirmation": "Only for training.", "ask_reason": True}


async def test_a_call_is_joined_only_with_what_is_asked_for_which_goes_on_record(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, **ASKS) as w:
        async with w.control() as life:
            for given, code in (
                (Given(), "reason_needed"),
                (Given(confirmed=True), "reason_needed"),
                (Given(reason="Complaint"), "confirmation_needed"),
            ):
                with pytest.raises(RefusedError) as refused:
                    await life.service.monitor(w.ann, "call-1", given)
                assert refused.value.code == code
                assert life.state is State.IDLE
            with pytest.raises(RefusedError) as refused:
                await life.service.monitor(w.ann, "call-3")
            assert refused.value.code == "own_call", "asked for what is refused anyhow"
            assert w.driver.made == []
            await life.service.monitor(w.ann, "call-1", Given(confirmed=True, reason="Complaint"))
            (row,) = [row for row in await life.rows() if row.action == "monitor"]
            assert json.loads(row.detail) == {"confirmed": True, "reason": "Complaint"}
        async with w.control() as life:  # taken up again by the next life
            await eventually(lambda: life.state is State.LISTENING)
            await life.service.hang_up(w.ann)
            assert (await life.recorded()).reason == "Complaint"


async def test_without_terms_the_record_is_as_before(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1", Given(confirmed=True))
        (row,) = [row for row in await life.rows() if row.action == "monitor"]
        assert json.loads(row.detail) == {}
        await life.service.hang_up(w.ann)
        assert (await life.recorded()).reason == ""


@pytest.mark.parametrize("asks", [{"confirmation": "Read."}, {"ask_reason": True}])
async def test_the_button_joins_no_next_call_where_something_is_asked(
    tmp_path: Path, asks: dict[str, object]
) -> None:
    async with world(tmp_path, **asks) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1", Given(confirmed=True, reason="Complaint"))
        w.leg.press_hang_up()
        await eventually(lambda: life.state is State.IDLE)
        w.leg.ear.clear()
        w.leg.hold_hang_up()
        await eventually(lambda: w.leg.ear == ["not_permitted"])
        _, words = await ended(life)
        assert words == f"You left the call. {NO_NEXT}"
        assert len(w.driver.made) == 1
        assert (await life.recorded()).end_detail == "You left the call."


async def test_the_limit_is_told_before_and_when_it_strikes(tmp_path: Path) -> None:
    async with world(tmp_path, barge_limit_s=1.0) as w, w.control() as life:
        await life.service.monitor(w.ann, "call-1")
        assert life.service.current().live_until is None
        live = await life.service.set_microphone(w.ann, muted=False)
        assert live.live_until is not None
        left = live.live_until - datetime.now(UTC)
        assert timedelta() < left <= timedelta(seconds=1)
        again = await life.service.set_microphone(w.ann, muted=False, audience=Audience.AGENT)
        assert again.live_until == live.live_until, "to others, but no longer"
        await eventually(lambda: life.service.current().note != "")
        told = life.service.current()
        assert (told.state, told.muted, told.live_until) == (State.LISTENING, True, None)
        assert told.note.startswith("You were heard for 1 s, the limit here")
        assert told in life.views
        again = await life.service.set_microphone(w.ann, muted=False)
        assert (again.note, again.live_until is not None) == ("", True)
        await life.service.set_microphone(w.ann, muted=True)
        await asyncio.sleep(0)
        assert life.service.current().note == "", "the supervisor muted in time"
