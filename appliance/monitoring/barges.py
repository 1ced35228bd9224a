"""The spans in which a supervisor was heard, also one whose end no control process saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from appliance.control_link.states import Press
from appliance.control_link.words import Action, Audience
from appliance.monitoring.history import BargeSpan
from appliance.monitoring.moments import moment


def close_span(spans: list[BargeSpan], at: datetime) -> None:
    """From *at* on nobody hears the supervisor."""
    if spans and spans[-1].ended_at is None:
        spans[-1] = replace(spans[-1], ended_at=max(at, spans[-1].started_at))


def open_span(spans: list[BargeSpan], at: datetime, audience: Audience) -> None:
    """From *at* on *audience* hears the supervisor."""
    close_span(spans, at)
    spans.append(BargeSpan(at, None, audience))


def is_heard(spans: Sequence[BargeSpan], audience: Audience) -> bool:
    """Whether the last span is open and to *audience*."""
    return bool(spans) and spans[-1].ended_at is None and spans[-1].audience is audience


def muting_press(
    spans: Iterable[BargeSpan], session_id: str, presses: Iterable[Press]
) -> Press | None:
    """The button press, told of later, that ended the open span; ``None`` if none did."""
    for span in spans:
        if span.ended_at is None:
            return next(
                (
                    press
                    for press in presses
                    if press.session_id == session_id
                    and press.action is Action.MUTED
                    and moment(press.at) >= span.started_at
                ),
                None,
            )
    return None
