"""The JSON shapes of history."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel

from appliance.console.sound_views import SoundOut
from appliance.console.views import InteractionOut, Moment
from appliance.control_link.words import Audience, EndReason
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
    interaction: InteractionOut
    started_at: Moment
    ended_at: Moment | None
    end_reason: EndReason | None
    end_detail: str
    barges: list[BargeOut]
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
            interaction=InteractionOut.of_interaction(record.interaction, _OVER),
            started_at=record.started_at,
            ended_at=record.ended_at,
            end_reason=record.end_reason,
            end_detail=record.end_detail,
            barges=[
                BargeOut(started_at=b.started_at, ended_at=b.ended_at, audience=b.audience)
                for b in record.barges
            ],
            quality=None if record.quality is None else dict(record.quality),
            sound=SoundOut.of(record.sound),
        )


class HistoryPage(BaseModel):
    """One page of history, newest first; ``total`` counts all pages."""

    items: list[SessionOut]
    total: int
