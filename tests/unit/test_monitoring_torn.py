"""What is on record when control, disk or platform were away at the moment itself."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from appliance.control_link.states import EndedCall, Press
from appliance.control_link.words import Action, Audience, Button, EndReason
from appliance.monitoring.audit import Audit, AuditRow, Entry
from appliance.monitoring.barges import close_span, muting_press, open_span
from appliance.monitoring.history import BargeSpan, History, SessionRecord
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.session_machine import State
from appliance.monitoring.store import Store
from appliance.monitoring.torn import mended
from appliance.platforms.protocol import PlatformError
from appliance.platforms.sandbox.link import Link
from tests.support.fake_driver import call
from tests.support.monitoring_world import Life, world
from tests.support.waiting import eventually

NOW = datetime(2024, 5, 1, 9, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)


def record(*barges: BargeSpan) -> SessionRecord:
    return SessionRecord("s1", "h1", "fake", "ann", call(1), NOW, barges=barges)


def row(action: str, at: datetime, **detail: str) -> AuditRow:
    return AuditRow(1, at.isoformat(timespec="milliseconds"), "ann", action, "s1", None,
               json.dumps(detail), "")  # fmt: skip


def press(seconds_ago: float, action: Action = Action.MUTED, session: str = "s1") -> Press:
    at = time.monotonic() - seconds_ago
    return Press(number=1, at=at, button=Button.MICROPHONE, action=action, session_id=session)


def test_spans_follow_one_another() -> None:
    spans: list[BargeSpan] = []
    close_span(spans, NOW)
    open_span(spans, NOW, Audience.EVERYONE)
    open_span(spans, LATER, Audience.AGENT)
    close_span(spans, LATER - timedelta(days=1))  # a clock that was set back
    assert spans == [
        BargeSpan(NOW, LATER, Audience.EVERYONE),
        BargeSpan(LATER, LATER, Audience.AGENT),
    ]


def test_the_press_that_ended_the_open_span() -> None:
    since = BargeSpan(datetime.now(UTC) - timedelta(seconds=10), None, Audience.EVERYONE)
    right = press(5)
    others = [press(20), press(6, Action.UNMUTE_ASKED), press(6, session="s2")]
    assert muting_press([since], "s1", [*others, right, press(1)]) is right
    assert muting_press([since], "s1", others) is None
    assert muting_press([replace(since, ended_at=datetime.now(UTC))], "s1", [right]) is None


def test_the_audit_log_mends_history() -> None:
    heard = BargeSpan(NOW + timedelta(microseconds=700), None, Audience.EVERYONE)
    torn, ending = mended(record(heard), [row("mute", NOW - timedelta(seconds=1))])
    assert (torn.barges, ending) == ((heard,), None)
    torn, ending = mended(record(heard), [row("mute", NOW), row("ended", LATER, reason="hung_up")])
    assert torn.barges == (replace(heard, ended_at=heard.started_at),)
    assert ending is not None
    assert (ending.reason, ending.at) == (EndReason.HUNG_UP, LATER)


def test_an_unmute_without_its_barge_counts_as_heard() -> None:
    asked = row("unmute", LATER, audience="agent", via="page")
    heard = BargeSpan(LATER, None, Audience.AGENT)
    before = BargeSpan(NOW, NOW + timedelta(seconds=5), Audience.EVERYONE)
    end = row("ended", LATER + timedelta(seconds=1), reason="hung_up")
    for barges in [(), (before,)]:
        assert mended(record(*barges), [asked])[0].barges == (*barges, heard)
        till_then = replace(heard, ended_at=LATER + timedelta(seconds=1))
        assert mended(record(*barges), [asked, end])[0].barges == (*barges, till_then)
    for known in [heard, replace(heard, ended_at=LATER), replace(heard, started_at=NOW)]:
        assert mended(record(known), [asked])[0].barges == (known,)
    ended = replace(heard, ended_at=LATER)
    assert mended(record(), [asked, row("mute", LATER)])[0].barges == (ended,)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


EVERYONE, AGENT = "everyone", "agent"


def unmute(seconds: int, audience: str, via: str = "page") -> AuditRow:
    return row("unmute", at(seconds), audience=audience, via=via)


def span(began: int, ended: int | None, audience: str) -> BargeSpan:
    return BargeSpan(at(began), None if ended is None else at(ended), Audience(audience))


@pytest.mark.parametrize(
    ("written", "rows", "heard"),
    [
        # Refused, and the gate never told to open: not heard. Another one's refusal says nothing.
        ([], [unmute(0, EVERYONE), row("unmute_refused", at(1), via="page", opened="no")], []),
        (
            [],
            [unmute(0, EVERYONE), row("unmute_refused", at(1), via="page")],
            [span(0, None, EVERYONE)],
        ),
        (
            [],
            [
                unmute(0, EVERYONE),
                row("unmute_refused", at(5), via="api", opened="no"),
                row("mute", at(9)),
            ],
            [span(0, 9, EVERYONE)],
        ),
        # Of several, each one that is missing.
        (
            [],
            [unmute(0, EVERYONE), unmute(60, AGENT), row("mute", at(70))],
            [span(0, 60, EVERYONE), span(60, 70, AGENT)],
        ),
        (
            [span(100, None, AGENT)],
            [unmute(0, EVERYONE), row("mute", at(30)), unmute(100, AGENT)],
            [span(0, 30, EVERYONE), span(100, None, AGENT)],
        ),
        # The wider audience goes on in the doubt, and a former life's consent opens nothing.
        (
            [span(0, None, EVERYONE)],
            [unmute(0, EVERYONE), unmute(60, AGENT)],
            [span(0, None, EVERYONE)],
        ),
        (
            [span(0, None, AGENT)],
            [unmute(0, AGENT), unmute(60, EVERYONE)],
            [span(0, 60, AGENT), span(60, None, EVERYONE)],
        ),
        (
            [span(0, None, EVERYONE)],
            [unmute(0, EVERYONE), unmute(60, EVERYONE, via="resume")],
            [span(0, None, EVERYONE)],
        ),
        # A clock that was set back leaves nothing open.
        (
            [span(-30, -20, EVERYONE)],
            [unmute(0, EVERYONE), row("mute", at(-20))],
            [span(-30, -20, EVERYONE), span(0, 0, EVERYONE)],
        ),
    ],
)
def test_each_unmute_that_may_have_opened_is_a_barge(
    written: list[BargeSpan], rows: list[AuditRow], heard: list[BargeSpan]
) -> None:
    assert list(mended(record(*written), rows)[0].barges) == heard


async def test_history_takes_the_spans_that_the_disk_did_not(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "box.db")
    history, audit = History(store), Audit(store)
    await audit.append(Entry("ann", "monitor", "s1"), also=history.beginning(record()))
    await history.barge("s1", NOW, Audience.EVERYONE)
    spans = [BargeSpan(NOW, LATER, Audience.EVERYONE), BargeSpan(LATER, None, Audience.AGENT)]
    end = LATER + timedelta(seconds=1)
    await history.end("s1", end, EndReason.HUNG_UP, "Left.", barges=spans)
    await history.end("s1", end, EndReason.FAILED, "Too late.", barges=[])
    found = await history.get("s1")
    assert found is not None
    assert found.barges == (spans[0], replace(spans[1], ended_at=end))
    await history.end("never begun", end, EndReason.HUNG_UP, "Left.", barges=spans)
    assert await audit.of_session("s1") == await audit.latest(before=10**30)
    await store.close()


# -- the same with a leg, a platform and a disk that fail


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
        w.leg.presses = [press(0, Action.IGNORED)]
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


class _BreakingSocket:
    """Its connection breaks while something is being sent."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()

    async def send(self, data: str) -> None:
        await self.broken.wait()
        await asyncio.sleep(0)  # the reader hears of it first
        raise ConnectionClosedError(None, None)

    def __aiter__(self) -> _BreakingSocket:
        return self

    async def __anext__(self) -> Any:
        await self.broken.wait()
        raise ConnectionClosedError(None, None)


async def _code(asking: Awaitable[object]) -> str:
    """Of the error; the error itself is let go, with all that hangs on it."""
    try:
        await asking
    except PlatformError as error:
        return error.code
    return ""


async def test_a_connection_that_breaks_under_a_request_is_no_fault() -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    socket = _BreakingSocket()
    link = Link(socket, 5.0)  # type: ignore[arg-type]
    reading = asyncio.create_task(link.read(lambda event: None))
    asking = asyncio.create_task(_code(link.request("leave", handle="h1")))
    await asyncio.sleep(0.01)  # both wait for the socket
    socket.broken.set()
    assert await asking == EndReason.PLATFORM_LOST
    await reading
    gc.collect()
    assert faults == []
