"""The JSON shapes of history."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel

from appliance.console.sound_views import SoundOut
from appliance.console.views import InteractionOut, Moment
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.curve import Curve
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.policy import Refusal

_OVER = Refusal.of(EndReason.CALL_ENDED)


class BargeOut(BaseModel):
    """From when to when the supervisor was heard, and by whom."""

    started_at: Moment
    ended_at: Moment | None
    audience: Audience


class SessionOut(BaseModel):
    """A monitoring session that ended."""

    session_id: str
    supervisor: str
    platform: str
    reason: str
    """Why the call was monitored, where that was said."""
    interaction: InteractionOut
    started_at: Moment
    ended_at: Moment | None
    end_reason: EndReason | None
    end_detail: str
    length_s: float
    barges: list[BargeOut]
    barged_s: float
    """All of them together."""
    quality: dict[str, Any] | None
    """The last second's figures, as the event ``quality`` told them."""
    sound: SoundOut | None
    """The whole session's."""

    @classmethod
    def of(cls, record: SessionRecord) -> Self:
        """From history."""
        return cls(
            session_id=record.id,
            supervisor=record.supervisor,
            platform=record.platform,
            reason=record.reason,
            interaction=InteractionOut.of_interaction(record.interaction, _OVER),
            started_at=record.started_at,
            ended_at=record.ended_at,
            end_reason=record.end_reason,
            end_detail=record.end_detail,
            length_s=record.length_s,
            barged_s=record.barged_s,
            barges=[
                BargeOut(started_at=b.started_at, ended_at=b.ended_at, audience=b.audience)
                for b in record.barges
            ],
            quality=None if record.quality is None else dict(record.quality),
            sound=SoundOut.of(record.sound),
        )


class CurveOut(BaseModel):
    """How a session sounded over its time: one value each ``step_s`` seconds from its beginning,
    null where nothing was heard; of that span the worst MOS and the loudest levels, in dBFS.
    """

    step_s: int
    mos: list[float | None]
    call: list[float | None]
    microphone: list[float | None]

    @classmethod
    def of(cls, curve: Curve) -> Self:
        """From history."""
        return cls(
            step_s=curve.step_s,
            mos=[point.mos for point in curve.points],
            call=[point.call for point in curve.points],
            microphone=[point.microphone for point in curve.points],
        )


class SessionDetailOut(SessionOut):
    """One session, with its curve; null for a session of before curves were kept."""

    curve: CurveOut | None = None


class HistoryPage(BaseModel):
    """One page of history, newest first; ``total`` counts all pages."""

    items: list[SessionOut]
    total: int
