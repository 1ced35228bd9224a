"""Sessions as history keeps them, and their rows in the database."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.curve import Curve
from appliance.platforms.protocol import Interaction

log = logging.getLogger(__name__)

interaction_json: TypeAdapter[Interaction] = TypeAdapter(Interaction)
_quality_json: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_unreadable: set[str] = set()
"""Sessions whose measurement was found broken; told of once, however often they are shown."""
MAX_TOLD = 100

_SOUND = tuple(SessionQuality.model_fields)
_COLUMNS = (
    "id, handle, platform, supervisor, interaction, started_at, "
    f"ended_at, end_reason, end_detail, quality, {', '.join(_SOUND)}, reason"
)


@dataclass(frozen=True, slots=True)
class BargeSpan:
    """From when to when the supervisor was heard, and by whom; still open without an end."""

    started_at: datetime
    ended_at: datetime | None
    audience: Audience


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One monitoring session as history keeps it; running (or torn off) without an end."""

    id: str
    handle: str
    platform: str
    supervisor: str
    interaction: Interaction
    started_at: datetime
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    end_detail: str = ""
    quality: Mapping[str, JsonValue] | None = None
    """The last measurement."""
    sound: SessionQuality | None = None
    """The whole session's; None where nothing was measured."""
    barges: tuple[BargeSpan, ...] = ()
    reason: str = ""
    """Why it was monitored, where the site asks or it was said."""

    @property
    def length_s(self) -> float:
        """From the beginning to the end, in seconds; 0 while it has none."""
        return _seconds(self.started_at, self.ended_at)

    @property
    def barged_s(self) -> float:
        """For how many seconds the supervisor was heard, in all spans that ended."""
        return round(sum(_seconds(span.started_at, span.ended_at) for span in self.barges), 3)


def _seconds(start: datetime, end: datetime | None) -> float:
    return round((end - start).total_seconds(), 3) if end else 0.0


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """A leg that was or may have been created on a platform and is not known to be gone."""

    handle: str
    platform: str
    session_id: str


def write_sound(database: sqlite3.Connection, session_id: str, sound: SessionQuality) -> None:
    """The figures of a whole session."""
    figures = sound.model_dump()
    database.execute(
        f"UPDATE sessions SET {', '.join(f'{name} = ?' for name in _SOUND)} WHERE id = ?",  # noqa: S608
        (*(figures[name] for name in _SOUND), session_id),
    )


def write_curve(database: sqlite3.Connection, session_id: str, step_s: int, points: bytes) -> None:
    """A session's curve, so far or whole; *points* as `Curve.to_bytes` gives them."""
    database.execute(
        "INSERT OR REPLACE INTO curves (session_id, step_s, points) VALUES (?, ?, ?)",
        (session_id, step_s, points),
    )


def read_curve(database: sqlite3.Connection, session_id: str) -> Curve | None:
    """The curve of a session, if one was kept."""
    row = database.execute(
        "SELECT step_s, points FROM curves WHERE session_id = ?", (session_id,)
    ).fetchone()
    return Curve.of_bytes(*row) if row else None


def close_barges(database: sqlite3.Connection, session_id: str, at: str) -> None:
    """From *at* (RFC 3339) on nobody hears the supervisor."""
    database.execute(
        "UPDATE barges SET ended_at = ? WHERE session_id = ? AND ended_at IS NULL",
        (at, session_id),
    )


def replace_barges(
    database: sqlite3.Connection, session_id: str, barges: Sequence[BargeSpan]
) -> None:
    """These are all the barges there were."""
    database.execute("DELETE FROM barges WHERE session_id = ?", (session_id,))
    database.executemany(
        "INSERT INTO barges VALUES (?, ?, ?, ?)",
        [
            (
                session_id,
                span.started_at.isoformat(),
                span.ended_at.isoformat() if span.ended_at else None,
                span.audience.value,
            )
            for span in barges
        ],
    )


def find(database: sqlite3.Connection, where: str, *values: object) -> list[SessionRecord]:
    """The sessions that *where* (SQL, with *values* for its marks) chooses and orders."""
    rows = database.execute(f"SELECT {_COLUMNS} FROM sessions {where}", values).fetchall()  # noqa: S608
    return [_record(row, _barges(database, row[0])) for row in rows]


def _barges(database: sqlite3.Connection, session_id: str) -> tuple[BargeSpan, ...]:
    rows = database.execute(
        "SELECT started_at, ended_at, audience FROM barges WHERE session_id = ? ORDER BY rowid",
        (session_id,),
    )
    return tuple(
        BargeSpan(
            datetime.fromisoformat(start),
            datetime.fromisoformat(end) if end else None,
            Audience(audience),
        )
        for start, end, audience in rows
    )


def _quality(session_id: str, text: str | None) -> dict[str, JsonValue] | None:
    """The last measurement; one that cannot be read is none, and hides no session."""
    if not text:
        return None
    try:
        return _quality_json.validate_json(text)
    except ValidationError:
        if session_id not in _unreadable and len(_unreadable) < MAX_TOLD:
            _unreadable.add(session_id)
            log.warning("the quality of session %s cannot be read in history", session_id)
        return None


def _record(row: tuple[Any, ...], barges: tuple[BargeSpan, ...]) -> SessionRecord:
    id_, handle, platform, supervisor, interaction, start, end, reason, detail, quality = row[:10]
    sound = SessionQuality(**dict(zip(_SOUND, row[10:-1], strict=True)))
    return SessionRecord(
        id=id_,
        handle=handle,
        platform=platform,
        supervisor=supervisor,
        interaction=interaction_json.validate_json(interaction),
        started_at=datetime.fromisoformat(start),
        ended_at=datetime.fromisoformat(end) if end else None,
        end_reason=EndReason(reason) if reason else None,
        end_detail=detail or "",
        quality=_quality(id_, quality),
        sound=sound if sound.model_dump(exclude_none=True) else None,
        barges=barges,
        reason=row[-1],
    )
