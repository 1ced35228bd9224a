"""The JSON shape of a person's check of headset and panel."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from appliance.control_link.words import Button, CheckEnd, CheckKind, Lamp
from appliance.monitoring.check_view import CheckView


class CheckOut(BaseModel):
    """``running`` null: nothing is checked now, and ``end`` says why the last one is over."""

    running: CheckKind | None
    end: CheckEnd | None
    level: float
    """Of the microphone, dBFS; −100 is silence."""
    loudest: float
    voice: bool
    """It was loud enough to be somebody's voice."""
    toned: bool
    """A tone was played."""
    pressed: list[Button]
    """Buttons whose press came."""
    lamp: Lamp | None
    """The one that blinks now."""
    lit: list[Lamp]
    """Those that did."""

    @classmethod
    def of(cls, view: CheckView) -> Self:
        """From the domain."""
        return cls(
            running=view.running,
            end=view.end,
            level=view.level,
            loudest=view.loudest,
            voice=view.voice,
            toned=view.toned,
            pressed=sorted(view.pressed),
            lamp=view.lamp,
            lit=sorted(view.lit),
        )
