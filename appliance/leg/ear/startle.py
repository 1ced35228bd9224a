"""Protection from acoustic shock: what becomes loud at once is let up slowly, and a squeal never.

After a while without loud sound the ceiling is lower than the limit; it opens while what is loud
goes on and is like speech. A tone (fax, modem, feedback) does not open it, and closes it: its peaks
are only 3 dB above its mean, those of speech 6 dB and more. In the sense of ACIF G616 (2006) and
ITU-T P.360: the first is about startling, the second about harm.
"""

from __future__ import annotations

import numpy as np

from appliance.leg.codecs.opus import SAMPLE_RATE
from appliance.leg.ear.limiter import Sound, peak_of

STARTLING_DB_SPL = 102.0
"""What G616 allows a headset at all times."""
MARGIN_DB = 10.0
"""So much lower is the ceiling for what comes out of the quiet."""
OPENS_DB_S = 20.0
CLOSES_DB_S = 5.0
"""A pause of 2 s closes it."""
SHUTS_DB_S = 200.0
"""On a tone: within 50 ms."""
TONE = 2.8
"""Peak power over mean power (4.5 dB) below which a block is like a tone; a sine has 2."""
TONE_S = 0.06
"""For so long: a vowel may look like a tone for a moment."""
LEAST = 240
"""Samples (5 ms) in which the two can be told apart."""


class Startle:
    """The ceiling of the moment, as a factor of the limiter's. *limit_db_spl*: what that lets
    through; at G616's limit nothing is left to do here.
    """

    def __init__(self, limit_db_spl: float) -> None:
        self.margin_db = min(MARGIN_DB, max(0.0, limit_db_spl - STARTLING_DB_SPL))
        self.opened_db = 0.0
        self._tone_s = 0.0

    def factor(self, sound: Sound, ceiling: float, peak: float | None = None) -> float:
        """What *ceiling* (in the scale of 16 bits) is to be multiplied with for *sound*, whose
        *peak* need not be looked for where it is known.
        """
        before = self._factor()
        seconds = len(sound) / SAMPLE_RATE
        peak = peak_of(sound) if peak is None else peak
        if peak <= ceiling * 10 ** (-self.margin_db / 20):
            self._tone_s = 0.0
            self._move(-CLOSES_DB_S * seconds)
            return before
        if len(sound) >= LEAST:
            loudest = sound[:, int(np.argmax(np.abs(sound).max(axis=0)))]
            tonal = peak * peak < TONE * float(loudest @ loudest) / len(sound)
            self._tone_s = self._tone_s + seconds if tonal else 0.0
        if self._tone_s > TONE_S:
            self._move(-SHUTS_DB_S * seconds)
        elif not self._tone_s:
            self._move(OPENS_DB_S * seconds)
        return before

    def _move(self, db: float) -> None:
        self.opened_db = min(self.margin_db, max(0.0, self.opened_db + db))

    def _factor(self) -> float:
        return float(10 ** ((self.opened_db - self.margin_db) / 20))
