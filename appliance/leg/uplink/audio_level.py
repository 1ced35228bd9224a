"""The level of what is sent, as the audio level header extension tells it (RFC 6464)."""

from __future__ import annotations

from typing import NamedTuple

from appliance.audio.levels import SILENCE_DBFS

SINE_DBOV = 3.01
"""A full-scale sine is 0 dBFS (AES17) and −3.01 dBov, whose 0 is a full-scale square wave."""
QUIETEST = 127
ABOVE_FLOOR_DB = 9.0
NO_VOICE_DBFS = -60.0
"""Nobody speaks so softly into a headset."""
FLOOR_RISE_DB = 0.06
"""A frame (3 dB a second): the floor follows a fan that is switched on, and no long vowel."""
HANGOVER = 10
"""Frames (200 ms) for which voice goes on after the last loud one: the ends of words."""


class AudioLevel(NamedTuple):
    """One packet's: whether there is voice in it (the V bit), and −dBov, 0 to 127."""

    voice: bool
    below: int


SILENT = AudioLevel(voice=False, below=QUIETEST)


class VoiceMeter:
    """Tells voice from room noise by the level alone; one for each opening of the gate."""

    def __init__(self) -> None:
        self._floor = NO_VOICE_DBFS
        self._left = 0

    def measure(self, dbfs: float) -> AudioLevel:
        """The level of the next frame of 20 ms, which is as loud as *dbfs*."""
        self._floor = min(dbfs, self._floor + FLOOR_RISE_DB)
        loud = dbfs > max(NO_VOICE_DBFS, self._floor + ABOVE_FLOOR_DB)
        self._left = HANGOVER if loud else max(0, self._left - 1)
        quiet = dbfs <= SILENCE_DBFS
        below = QUIETEST if quiet else min(QUIETEST, max(0, round(SINE_DBOV - dbfs)))
        return AudioLevel(voice=self._left > 0, below=below)
