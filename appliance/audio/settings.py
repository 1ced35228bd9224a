"""Settings of the audio room."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

SAMPLE_RATE = 48_000
"""Frames per second, everywhere: it is Opus's own clock, and every USB headset offers it."""

_PORT_PATH = re.compile(r"\d+-\d+(\.\d+)*")
_CARD_INDEX = re.compile(r"^[a-z_]+:(CARD=)?\d+\b", re.IGNORECASE)
_FORMS = "write auto, usb-serial:SERIAL, usb-port:PATH (such as usb-port:1-1.2) or pcm:NAME"


class AudioSettings(BaseModel):
    """Which headset, and how much of its sound waits in ALSA."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headset: str = Field("auto", max_length=200)
    """``auto``, ``usb-serial:SERIAL``, ``usb-port:PATH`` or ``pcm:NAME``; never a card's number,
    which changes with the order of plugging in."""
    period_ms: int = Field(10, ge=5, le=20)
    """How much sound the earpiece takes at a time; the microphone gives a packet's worth."""
    periods: int = Field(4, ge=3, le=8)
    """How many periods of playback wait in ALSA; each adds its length to the delay."""

    @field_validator("headset")
    @classmethod
    def _known_form(cls, headset: str) -> str:
        kind, _, value = headset.partition(":")
        if headset == "auto":
            return headset
        if kind not in {"usb-serial", "usb-port", "pcm"}:
            raise ValueError(f"“{headset}” names no headset: {_FORMS}")
        if not value or value != value.strip() or not value.isprintable():
            raise ValueError(f"“{headset}” names no headset after “{kind}:”: {_FORMS}")
        if kind == "usb-port" and not _PORT_PATH.fullmatch(value):
            raise ValueError(f"“{value}” is no USB port path: write one such as 1-1.2")
        if kind == "pcm" and _CARD_INDEX.match(value):
            raise ValueError(
                f"“{value}” chooses a card by its number, which changes when devices are plugged "
                "in in another order: choose it by USB serial or port"
            )
        return headset

    @property
    def period_frames(self) -> int:
        """Frames in a period, 480 for 10 ms."""
        return self.period_ms * SAMPLE_RATE // 1000
