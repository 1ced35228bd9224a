"""A torn session's barges, by what history and the audit log have of them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.control_link.states import Press
from appliance.control_link.words import Action, Audience, Button, EndReason
from appliance.monitoring.audit import Audit, AuditRow, Entry
from appliance.monitoring.barges import close_span, muting_press, open_span
from appliance.monitoring.history import BargeSpan, History, SessionRecord
from appliance.monitoring.store import Store
from appliance.monitoring.torn import NOT_OPENED, mended, muted_by
from tests.support.fake_driver import call

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
    assert await audit.of_session("s1") == (await audit.search(before=10**30)).rows
    await store.close()


ASKED, UNMUTED = row("mute_asked", NOW), row("unmute", NOW, audience="everyone", via="page")
REFUSED = row("unmute_refused", NOW, code="failed", via="page", opened=NOT_OPENED)
DOUBTFUL = row("unmute_refused", NOW, code="failed", via="page")


@pytest.mark.parametrize(
    ("rows", "muted"),
    [
        ([], False),
        ([UNMUTED], False),
        ([UNMUTED, ASKED], True),
        ([UNMUTED, ASKED, row("mute", NOW)], True),
        ([ASKED, UNMUTED], False),
        ([ASKED, UNMUTED, REFUSED], True),
        ([ASKED, REFUSED], True),
        ([ASKED, UNMUTED, DOUBTFUL], False),
        ([UNMUTED, ASKED, REFUSED], True),
        ([ASKED, UNMUTED, UNMUTED, REFUSED], False),
    ],
)
def test_whether_the_last_wish_on_record_is_to_mute(rows: list[AuditRow], muted: bool) -> None:
    assert muted_by(rows) == ("ann" if muted else None)
