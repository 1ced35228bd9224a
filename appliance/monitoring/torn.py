"""A session that a former life left open in history, mended by what the audit log knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from appliance.control_link.words import EndReason
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.barges import close_span
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import Ending

PRECISION = timedelta(milliseconds=1)
"""Of the audit log's times."""


def mended(record: SessionRecord, rows: Iterable[AuditRow]) -> tuple[SessionRecord, Ending | None]:
    """*record* with the mutes of its *rows*, and how it ended if they tell.

    What is noted in the audit log waits in memory for a disk that takes it, so that it may be
    on record while history's own row is not.
    """
    barges, ending = list(record.barges), None
    for row in rows:
        at = datetime.fromisoformat(row.at)
        if row.action == "mute" and barges and at >= barges[-1].started_at - PRECISION:
            close_span(barges, at)
        elif row.action == "ended":
            reason = EndReason(json.loads(row.detail)["reason"])
            ending = Ending(record.id, reason, reason, WORDS[reason], at)
    return replace(record, barges=tuple(barges)), ending


def was_reconnecting(rows: Iterable[AuditRow]) -> bool:
    """Whether the last that its *rows* tell of its leg is that a fresh one was to be made."""
    told = [row.action for row in rows if row.action in ("reconnect", "reconnected")]
    return told[-1:] == ["reconnect"]
