"""The picture of a session: its spans fill it, its marks are round, its curves were heard."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.console.timeline import MOST_ROWS, MOST_TICKS, timeline
from appliance.control_link.words import Audience
from appliance.monitoring.curve import Curve, Point
from appliance.monitoring.history import BargeSpan, SessionRecord
from tests.support.past_sessions import START, curve_of, past


def lasting(seconds: float, *barges: tuple[float, float | None, Audience]) -> SessionRecord:
    """A session of that length with these barges."""

    def at(after_s: float) -> datetime:
        return START + timedelta(seconds=after_s)

    spans = tuple(
        BargeSpan(at(start), None if end is None else at(end), audience)
        for start, end, audience in barges
    )
    return replace(past(0), started_at=START, ended_at=at(seconds), barges=spans)


def test_who_heard_whom_is_told_from_end_to_end() -> None:
    record = lasting(
        100, (10, 20, Audience.EVERYONE), (20, 25, Audience.AGENT), (90, None, Audience.AGENT)
    )
    spans = timeline(record, None).spans
    assert [(span.kind, span.x, span.width) for span in spans] == [
        ("muted", 0, 10),
        ("everyone", 10, 10),
        ("agent", 20, 5),
        ("muted", 25, 65),
        ("agent", 90, 10),
    ]
    assert spans[1].length_s == 10


def test_a_session_without_a_barge_or_a_length_is_muted() -> None:
    (span,) = timeline(lasting(0), None).spans
    assert (span.kind, span.x, span.width) == ("muted", 0, 0)
    (span,) = timeline(lasting(7), None).spans
    assert (span.kind, span.width) == ("muted", 100)


times = st.floats(-50, 200)


@given(st.lists(st.tuples(times, st.none() | times, st.sampled_from(Audience)), max_size=6))
def test_spans_follow_on_each_other_whatever_the_clock_did(
    barges: list[tuple[float, float | None, Audience]],
) -> None:
    record = lasting(100, *barges)
    spans = timeline(record, None).spans
    assert spans[0].start == START
    assert spans[-1].end == record.ended_at
    assert all(one.end == other.start for one, other in pairwise(spans))
    assert all(span.width >= 0 and 0 <= span.x <= 100 for span in spans)


@given(st.floats(0, 400_000))
def test_marks_are_few_and_round(seconds: float) -> None:
    ticks = timeline(lasting(seconds), None).ticks
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    assert ticks[0].x == 0
    assert all(tick.x <= 100.001 and tick.at >= START for tick in ticks)
    assert len(ticks) > 2 or seconds < 3
    steps = {round(other.after_s - one.after_s, 3) for one, other in pairwise(ticks)}
    assert len(steps) <= 1


@pytest.mark.parametrize(
    ("seconds", "marks"),
    [
        (61, [0, 15, 30, 45, 60]),
        (300, [0, 60, 120, 180, 240, 300]),
        (40_000, [0, 10800, 21600, 32400]),
    ],
)
def test_marks_of_some_lengths(seconds: float, marks: list[float]) -> None:
    assert [tick.after_s for tick in timeline(lasting(seconds), None).ticks] == marks


def test_curves_are_broken_where_nothing_was_heard() -> None:
    curve = Curve(2, [Point(4.5, 0, -60), Point(1.0, -30), Point(), Point(2.75, -90, -15)])
    drawn = timeline(lasting(7), curve).sounding
    assert drawn is not None
    assert (drawn.width, drawn.point_s, drawn.step_s) == (3.5, 2, 2)
    assert drawn.mos == "M0.5 0h0L1.5 100M3.5 50h0"
    assert drawn.call == "M0 100V0H1V50H2V100Z"
    assert drawn.microphone == "M3 100V25H4V100Z"
    assert (drawn.good, drawn.fair) == (14.3, 40.0)
    assert drawn.rows == (
        (0, curve.points[0]),
        (2, curve.points[1]),
        (4, Point()),
        (6, curve.points[3]),
    )


def test_the_table_is_short_and_has_the_worst() -> None:
    record = past(3)
    drawn = timeline(record, curve_of(record)).sounding
    assert drawn is not None
    assert len(drawn.rows) <= MOST_ROWS
    assert min(point.mos for _, point in drawn.rows if point.mos) == 2.6
    assert [after_s for after_s, _ in drawn.rows[:2]] == [0, drawn.step_s]
    assert re.fullmatch(r"[MLh0-9. ]+", drawn.mos)


def test_a_session_of_before_curves_were_kept_has_its_spans() -> None:
    assert timeline(past(3), None).sounding is None
    assert timeline(past(3), Curve()).sounding is None
    assert len(timeline(past(3), None).spans) == 5
