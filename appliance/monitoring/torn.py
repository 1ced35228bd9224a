"""A session that a former life left open in history, mended by what the audit log knows of it.

The audit log has each un-mute before the gate opens, and its other rows wait in memory for a disk
that takes them, so that it may know what history does not. In the doubt the supervisor was heard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.barges import close_span, open_span
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import Ending

PRECISION = timedelta(milliseconds=1)
"""Of the audit log's times."""
NOT_OPENED = "no"
"""What a refusal tells as *opened* where the gate is known not to have opened by what was asked."""


def mended(record: SessionRecord, rows: Sequence[AuditRow]) -> tuple[SessionRecord, Ending | None]:
    """*record* with the un-mutes and mutes of its *rows*, and how it ended if they tell."""
    barges, ending = list(record.barges), None
    for row in rows:
        at = _at(row)
        if row.action == "mute" and barges and at >= barges[-1].started_at - PRECISION:
            close_span(barges, at)
        elif row.action == "ended":
            reason = EndReason(json.loads(row.detail)["reason"])
            ending = Ending(record.id, reason, reason, WORDS[reason], at)
    unwritten = [span for span in _told(rows) if not _is_known(span, barges)]
    return replace(record, barges=tuple(_in_order([*barges, *unwritten]))), ending


def muted_by(rows: Iterable[AuditRow]) -> str | None:
    """Who asked to mute last, unless an un-mute came after it that is not known to have failed."""
    who = before = None
    asked: AuditRow | None = None
    for row in rows:
        if row.action == "mute_asked":
            who, asked = row.actor, None
        elif row.action == "unmute":
            who, before, asked = None, who, row
        elif row.action == "unmute_refused" and asked is not None and _is_answer(row, asked):
            who, asked = before, None
    return who


def _at(row: AuditRow) -> datetime:
    return datetime.fromisoformat(row.at)


def _told(rows: Iterable[AuditRow]) -> list[BargeSpan]:
    """When the supervisor may have been heard, by the audit log alone."""
    spans: list[BargeSpan] = []
    asked: AuditRow | None = None

    def opened() -> None:
        if asked is not None:
            open_span(spans, _at(asked), Audience(json.loads(asked.detail)["audience"]))

    for row in rows:
        if row.action == "unmute":
            opened()
            asked = row
        elif row.action == "unmute_refused" and asked is not None and _is_answer(row, asked):
            asked = None
        elif row.action in ("mute", "ended"):
            opened()
            asked = None
            close_span(spans, _at(row))
    opened()
    return spans


def _is_answer(refused: AuditRow, asked: AuditRow) -> bool:
    """Whether the gate is known not to have opened by what was asked."""
    told, wish = json.loads(refused.detail), json.loads(asked.detail)
    return (
        told.get("opened") == NOT_OPENED
        and refused.actor == asked.actor
        and told.get("via") == wish.get("via")
    )


def _is_known(told: BargeSpan, barges: Iterable[BargeSpan]) -> bool:
    """Whether history has it, or one to the same people, or all, that went on over it."""
    for known in barges:
        begun = told.started_at - PRECISION <= known.started_at
        if begun and (told.ended_at is None or known.started_at <= told.ended_at + PRECISION):
            return True
        goes_on = known.ended_at is None or known.ended_at > told.started_at
        if not begun and goes_on and known.audience in (told.audience, Audience.EVERYONE):
            return True
    return False


def _in_order(spans: Iterable[BargeSpan]) -> list[BargeSpan]:
    """By their beginnings; one that was left open ends where the next begins."""
    ordered: list[BargeSpan] = []
    for span in sorted(spans, key=attrgetter("started_at")):
        close_span(ordered, span.started_at)
        ordered.append(span)
    return ordered


def was_reconnecting(rows: Iterable[AuditRow]) -> bool:
    """Whether the last that its *rows* tell of its leg is that a fresh one was to be made."""
    told = [row.action for row in rows if row.action in ("reconnect", "reconnected")]
    return told[-1:] == ["reconnect"]
