"""Settings of the audio room."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from appliance.control_link.headset_name import AUTO, HeadsetName

SAMPLE_RATE = 48_000
"""Frames per second, everywhere: it is Opus's own clock, and every USB headset offers it."""


class AudioSettings(BaseModel):
    """Which headset, and how much of its sound waits in ALSA."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headset: HeadsetName = AUTO
    period_ms: int = Field(10, ge=5, le=20)
    """How much sound the earpiece takes at a time; the microphone gives a packet's worth."""
    periods: int = Field(4, ge=3, le=8)
    """How many periods of playback wait in ALSA; each adds its length to the delay."""

    @property
    def period_frames(self) -> int:
        """Frames in a period, 480 for 10 ms."""
        return self.period_ms * SAMPLE_RATE // 1000
