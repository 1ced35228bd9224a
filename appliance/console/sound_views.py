"""The JSON shape of how a session sounded."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from appliance.console import wording
from appliance.control_link.quality import Rating, SessionQuality, rating_of


class SoundOut(BaseModel):
    """How the call was heard over a whole session that ended; null is what was not measured."""

    mos: float | None
    """Mean of the seconds, 1.0 to 4.5: what people would say of it (E-model, ITU-T G.107.1)."""
    mos_worst: float | None
    rating: Rating | None
    """``mos`` in a word."""
    lost_percent: float | None
    concealed_percent: float | None
    """Time that the box made up or recovered."""
    delay_ms: float | None
    """Mean, from mouth to ear, as far as it is known."""
    words: str
    """For people, in one short line."""

    @classmethod
    def of(cls, sound: SessionQuality | None) -> Self | None:
        """From history; None where nothing was measured."""
        if sound is None:
            return None
        rating = None if sound.mos is None else rating_of(sound.mos)
        return cls(**sound.model_dump(), rating=rating, words=wording.sound(sound))
