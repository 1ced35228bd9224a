"""Levelling of loud and faint talkers: a slow gain that moves only while somebody speaks.

The level of speech is measured as ITU-T P.56 means it, over active speech only: blocks that stand
out of the room's noise, over the last second of them. In pauses the gain stands still, so that no
noise is pumped up; and what noise there is limits how far speech is lifted.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from appliance.audio.levels import SILENCE_DBFS, power_dbfs
from appliance.leg.codecs.opus import SAMPLE_RATE

TARGET_DBFS = -22.0
"""Where speech is brought."""
MOST_DB = 12.0
"""The gain's bound, up and down."""
TOLERATED_DB = 1.5
"""Nearer is near enough: people do not speak evenly."""
UP_DB_S = 16.0
DOWN_DB_S = 60.0
"""Loud is worse than faint."""
REMEMBERED = 100
"""Blocks of speech (1 s) that tell how loud the one who speaks is."""
LATEST = 30
OTHER_DB = 8.0
"""Where the latest blocks (0.3 s) are so much fainter, another one speaks, and they count alone."""
OTHER = 10 ** (-OTHER_DB / 10)
LEAST = 20
"""Blocks of speech (0.2 s) before anything is done."""
FAINTEST_DBFS = -58.0
"""Nothing below it is taken for speech."""
ABOVE_NOISE_DB = 10.0
"""Speech stands out of the noise by this or more."""
NOISE_RISES_DB_S = 2.0
"""How fast the noise is taken to grow while nothing is as quiet as it: a tone that stays becomes
noise, the gaps between words keep it down.
"""
LEARNING_S = 1.0
LEARNS_DB_S = 20.0
"""In the first second it grows faster: a line may begin more quietly than it goes on."""
LOUDEST_NOISE_DBFS = -50.0
"""The noise is not lifted beyond it."""

Mono = NDArray[np.float32]
"""In the scale of 16 bits, shape ``(frames,)``."""


class Levelling:
    """Of one stream; belongs to the playback thread."""

    def __init__(self) -> None:
        self.gain_db = 0.0
        """What it does now."""
        self._speech: deque[float] = deque()
        """Powers of the last blocks of speech."""
        self._sum = self._latest = 0.0
        """Of all of them, and of the latest."""
        self._noise = 0.0
        """dBFS; at first all is noise, until something is as quiet as the gap between two words."""
        self._heard_s = 0.0

    def process(self, block: Mono, power: float) -> Mono:
        """The next *block*, of any length, with *power* its mean square; as it came while there is
        nothing to do.
        """
        before = self.gain_db
        seconds = len(block) / SAMPLE_RATE
        if self._is_speech(power_dbfs(power), seconds):
            self._remember(power)
            self._move(seconds)
        if before == self.gain_db == 0.0:
            return block
        start, end = 10 ** (before / 20), 10 ** (self.gain_db / 20)
        still = before == self.gain_db
        gain = end if still else np.linspace(start, end, len(block), dtype=np.float32)
        louder: Mono = block * gain
        return louder

    def _is_speech(self, level: float, seconds: float) -> bool:
        if level <= SILENCE_DBFS:
            return False  # a muted sender's zeros tell nothing of a room
        rise = NOISE_RISES_DB_S if self._heard_s > LEARNING_S else LEARNS_DB_S
        self._heard_s += seconds
        self._noise = min(level, self._noise + rise * seconds)
        return level > max(FAINTEST_DBFS, self._noise + ABOVE_NOISE_DB)

    def _remember(self, power: float) -> None:
        """Made anew for each block, the sums were a third of what levelling costs."""
        speech = self._speech
        speech.append(power)
        self._sum += power
        self._latest += power
        if len(speech) > LATEST:
            self._latest -= speech[-LATEST - 1]
        if len(speech) > REMEMBERED:
            self._sum -= speech.popleft()

    def _move(self, seconds: float) -> None:
        if len(self._speech) < LEAST:
            return
        level = self._level()
        room = max(0.0, LOUDEST_NOISE_DBFS - self._noise)
        wanted = min(max(TARGET_DBFS - level, -MOST_DB), MOST_DB, room)
        off = wanted - self.gain_db
        if abs(off) > TOLERATED_DB:
            self.gain_db += min(max(off, -DOWN_DB_S * seconds), UP_DB_S * seconds)

    def _level(self) -> float:
        count = len(self._speech)
        mean, latest = self._sum / count, self._latest / min(count, LATEST)
        if latest > mean * OTHER:
            return power_dbfs(mean)
        for _ in range(count - LATEST):
            self._speech.popleft()
        self._sum = self._latest
        return power_dbfs(latest)
