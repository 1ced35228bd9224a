"""What a person's check of headset and panel has shown so far."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.control_link.words import Button, CheckEnd, CheckKind, Lamp

SILENCE_DBFS = -100.0
VOICE_DBFS = -45.0
"""From here on what the microphone gives is somebody's voice, not a quiet room."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """``running`` is what is checked now. What was seen stays until the leg process is another."""

    running: CheckKind | None = None
    end: CheckEnd | None = None
    """Why the last one ended."""
    level: float = SILENCE_DBFS
    """Of the microphone in the last 100 ms, dBFS, while the headset is checked."""
    loudest: float = SILENCE_DBFS
    """What it was at most, with sound playing at the same time."""
    toned: bool = False
    """A tone was played in the ear."""
    pressed: frozenset[Button] = frozenset()
    """Buttons whose press came."""
    lamp: Lamp | None = None
    """The one that blinks now for a person to see."""
    lit: frozenset[Lamp] = frozenset()
    """Those that were lit so."""

    @property
    def voice(self) -> bool:
        """Somebody was to be heard."""
        return self.loudest >= VOICE_DBFS
