"""Sessions of the past, many of them, as history keeps them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.curve import Curve, Point
from appliance.monitoring.history import BargeSpan, History, SessionRecord
from appliance.monitoring.history_list import enlist
from appliance.monitoring.history_rows import replace_barges, write_curve, write_sound
from appliance.monitoring.reasons import WORDS
from appliance.platforms.protocol import Agent, Interaction

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
SUPERVISORS = ("sam", "sue", "Ängström")
AGENTS = ("Ana López", "Ben Okafor", "Emre Yılmaz", "Jürgen Groß", "Ольга Иванова")
QUEUES = ("Support", "Sales", "Billing", "Übersee")
REASONS = (EndReason.HUNG_UP, EndReason.AGENT_ENDED, EndReason.CUSTOMER_ENDED)


def past(number: int) -> SessionRecord:
    """The session of that number: half an hour after the one before; each third barged in."""
    start = START + timedelta(minutes=30 * number)
    length_s = 40 + number * 37 % 600
    agent, queue = number % len(AGENTS), QUEUES[number % len(QUEUES)]
    reason = REASONS[number % len(REASONS)]
    spans = ((10, 25, Audience.EVERYONE), (27, 31, Audience.AGENT)) if number % 3 == 0 else ()
    return SessionRecord(
        id=f"past-{number:06}",
        handle=f"bargebox-past-{number}",
        platform="sandbox",
        supervisor=SUPERVISORS[number % len(SUPERVISORS)],
        interaction=Interaction(
            id=f"call-{number:06}",
            channel="voice",
            direction="outbound" if number % 4 == 3 else "inbound",
            agents=(Agent(f"agent-{agent}", AGENTS[agent]),),
            customer=f"Greta Holm +4930{number:07}",
            contact_point="+49 800 1234",
            queue=queue,
            flow=f"{queue} main",
            state="ended",
            started_at=start - timedelta(seconds=20),
        ),
        started_at=start,
        ended_at=start + timedelta(seconds=length_s),
        end_reason=reason,
        end_detail=WORDS[reason],
        quality={"lost": number},
        sound=None
        if number % 7 == 6
        else SessionQuality(
            mos=3 + number % 14 / 10, mos_worst=2.4, lost_percent=0.28, delay_ms=120
        ),
        barges=tuple(
            BargeSpan(start + timedelta(seconds=a), start + timedelta(seconds=b), audience)
            for a, b, audience in spans
        ),
    )


def curve_of(record: SessionRecord) -> Curve:
    """A curve as a conversation has one, with a dip and a pause in it."""
    assert record.ended_at is not None
    curve = Curve()
    for second in range(int((record.ended_at - record.started_at).total_seconds())):
        at = record.started_at + timedelta(seconds=second)
        heard = any(s.started_at <= at and s.ended_at and at < s.ended_at for s in record.barges)
        paused = 33 <= second < 38
        mos = None if paused else 2.6 if second in (20, 21) else round(4.2 - second % 5 / 10, 1)
        call = -100.0 if paused else -18.0 - second * 7 % 23
        curve.take(second, Point(mos, call, -21.0 - second % 3 if heard else -100.0))
    return curve


def write_past(
    database: sqlite3.Connection, records: Iterable[SessionRecord], *, curves: bool = True
) -> None:
    """Put *records*, all of which have ended, into the database, in the caller's transaction."""
    for record in records:
        assert record.ended_at is not None
        assert record.end_reason is not None
        History.beginning(record)(database)
        database.execute("DELETE FROM open_legs WHERE handle = ?", (record.handle,))
        database.execute(
            "UPDATE sessions SET ended_at = ?, end_reason = ?, end_detail = ?, quality = ?"
            " WHERE id = ?",
            (
                record.ended_at.isoformat(),
                record.end_reason,
                record.end_detail,
                '{"lost": 3}',
                record.id,
            ),
        )
        if record.sound is not None:
            write_sound(database, record.id, record.sound)
        replace_barges(database, record.id, record.barges)
        if curves:
            curve = curve_of(record)
            write_curve(database, record.id, curve.step_s, curve.to_bytes())
        enlist(database, record.id)
