"""A session that a former life left open in history, mended by what the audit log knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.barges import close_span, open_span
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import Ending

PRECISION = timedelta(milliseconds=1)
"""Of the audit log's times."""


def mended(record: SessionRecord, rows: Iterable[AuditRow]) -> tuple[SessionRecord, Ending | None]:
    """*record* with the un-mutes and mutes of its *rows*, and how it ended if they tell.

    The audit log knows of an un-mute before the gate opens, and waits in memory for a disk that
    takes the rest, so that it may have on record what history has not.
    """
    barges, ending, asked = list(record.barges), None, None
    for row in rows:
        at = datetime.fromisoformat(row.at)
        if row.action in ("unmute", "unmute_refused"):
            asked = row if row.action == "unmute" else None
        elif row.action == "mute":  # of a gate that was open
            _have_opened(barges, asked)
            asked = None
            if barges and at >= barges[-1].started_at - PRECISION:
                close_span(barges, at)
        elif row.action == "ended":
            reason = EndReason(json.loads(row.detail)["reason"])
            ending = Ending(record.id, reason, reason, WORDS[reason], at)
    _have_opened(barges, asked)
    return replace(record, barges=tuple(barges)), ending


def _have_opened(barges: list[BargeSpan], asked: AuditRow | None) -> None:
    """The last un-mute may have opened the gate and its barge not been written: in the doubt the
    supervisor was heard.
    """
    if asked is None:
        return
    at = datetime.fromisoformat(asked.at)
    audience = Audience(json.loads(asked.detail)["audience"])
    last = barges[-1] if barges else None
    if last is None or not (
        last.started_at >= at - PRECISION or (last.ended_at is None and last.audience is audience)
    ):
        open_span(barges, at, audience)


def was_reconnecting(rows: Iterable[AuditRow]) -> bool:
    """Whether the last that its *rows* tell of its leg is that a fresh one was to be made."""
    told = [row.action for row in rows if row.action in ("reconnect", "reconnected")]
    return told[-1:] == ["reconnect"]
