"""History as a table for spreadsheets: CSV (RFC 4180), and nothing in it that one would run.

A spreadsheet takes a cell for a formula that begins with one of a few signs, and with another
separator set it finds beginnings within our cells too (OWASP, *CSV Injection*). Texts of the
platform get an apostrophe before such a sign, telephone numbers with ``+`` included.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from appliance.console.record_views import SessionOut
from appliance.console.wording import rfc3339

BOM = "\ufeff"
"""Without it Excel reads UTF-8 as something else."""

COLUMNS = (
    *("session_id", "supervisor", "platform", "interaction_id", "channel", "direction"),
    *("agents", "customer", "contact_point", "queue", "flow", "started_at", "ended_at"),
    *("length_s", "barges", "barged_s", "end_reason", "end_detail"),
    *("mos", "mos_worst", "lost_percent", "concealed_percent", "delay_ms"),
)

_RUNS = re.compile(r"""(^|[;,|\t\r\n])([\s"'\x00-\x1f]*)(?=[=+\-@＝＋－＠])""")
"""A sign at a beginning, or after what may be skipped there."""


def head() -> str:
    """The mark of the encoding and the line of names."""
    return BOM + line(COLUMNS)


def line(cells: Sequence[str | float | None]) -> str:
    """One line, its end included."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(
        harmless(cell) if isinstance(cell, str) else cell for cell in cells
    )
    return text.getvalue()


def harmless(text: str) -> str:
    """*text*, which no spreadsheet takes for a formula."""
    return _RUNS.sub(r"\1\2'", text)


def session(record: SessionOut) -> str:
    """The line of a session."""
    call, sound = record.interaction, record.sound
    return line(
        (
            *(record.session_id, record.supervisor, record.platform, call.id, call.channel),
            *(call.direction, "; ".join(agent.name for agent in call.agents), call.customer),
            *(call.contact_point, call.queue, call.flow, rfc3339(record.started_at)),
            rfc3339(record.ended_at) if record.ended_at else "",
            *(record.length_s, len(record.barges), record.barged_s),
            *(record.end_reason, record.end_detail),
            *((sound.mos, sound.mos_worst, sound.lost_percent) if sound else (None,) * 3),
            *((sound.concealed_percent, sound.delay_ms) if sound else (None,) * 2),
        )
    )
