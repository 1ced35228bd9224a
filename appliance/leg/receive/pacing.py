"""When to play faster or slower: in a pause of the talk, where nobody hears it, if there is time.

Measured with PESQ on speech: a pause longer or shorter costs nothing, one pitch period in the
middle of a word up to half a point; and after a gap, coming back at once costs least.
"""

from __future__ import annotations

import numpy as np

from appliance.leg.codecs.opus import Samples
from appliance.leg.stretch import MATCH, OVERLAP, Seam

TOLERATED = 480
"""The delay may be off by 10 ms: it is measured from block to block, and no finer. After a gap it
is mended in a hurry until then, as to stretch on costs less than to begin with it again later.
"""
PATIENCE = 200
"""Blocks (2 s) for which the next pause is waited for, where there was no gap."""
SPARING = 5
"""Blocks between two stretches of voiced speech."""
VOICED = 0.9
"""A period that is so like the next may be left out, or said twice, in the middle of speech."""
FAR_AHEAD = 9_600
"""Samples decoded ahead in a pause, to leave out as much of it at once as may be (0.2 s)."""
BLOCK = 480
STRIDE = 120
"""Samples (2.5 ms) in which the end of a pause is looked for."""
KEPT = 1_920
"""Samples of a pause (40 ms) that stay, so that two words do not become one."""
PAUSE = 8
"""Quiet blocks in a row that make a pause: a stop within a word has fewer."""
SILENT = 100.0
BELOW_VOICE = 1 / 24
ABOVE_FLOOR = 1.5
"""Quiet is below -50 dBFS, or 28 dB below the voice of late, or little above the room's noise."""
FORGET = 0.999
RISE = 1.005


class Pacing:
    """Knows the level of voice and room, and for how long the delay has been off."""

    def __init__(self) -> None:
        self._loud = self._floor = 0.0
        self._quiet_for = 0
        self._off_for = 0
        self._since = 0
        self._hurry = False

    def heard(self, block: Samples) -> None:
        """Take note of what was played."""
        peak = _peak(block)
        self._loud = max(peak, self._loud * FORGET)
        self._floor = min(peak, self._floor * RISE + 0.1)
        self._quiet_for = self._quiet_for + 1 if peak < self._limit() else 0

    def gap(self) -> None:
        """Something was made up: the delay has grown, and the talk is disturbed already."""
        self._hurry = True

    def off_by(self, excess: int) -> int:
        """How many samples to leave out now (below 0: to add); 0 where the delay is right."""
        self._since += 1
        off = abs(excess) > TOLERATED
        self._off_for = self._off_for + 1 if off else 0
        if excess < TOLERATED:
            self._hurry = False
        elif self._off_for > PATIENCE:
            self._hurry = True
        return excess if off else 0

    def may_allow(self) -> bool:
        """Whether `allows` could say yes at all; looking for a seam costs most of a block."""
        return self._hurry or self._quiet_for >= PAUSE or self._patient()

    def _patient(self) -> bool:
        return self._since > SPARING and self._off_for > PATIENCE

    def allows(self, seam: Seam, off: int, period: Samples, ahead: Samples) -> bool:
        """Whether *period* may be left out or repeated before *ahead*."""
        if self._hurry or self._in_pause(period, ahead):
            return True
        return self._patient() and off > seam.lag // 2 and seam.likeness > VOICED

    def quiet(self, samples: Samples) -> bool:
        """Whether nobody speaks in *samples*."""
        return _peak(samples) < self._limit()

    def pause_to_spare(self, ahead: Samples) -> int:
        """How many samples of the pause that *ahead* begins with may be left out at once."""
        whole = len(ahead) // STRIDE * STRIDE
        peaks = np.abs(ahead[:whole].astype(np.int32)).reshape(-1, STRIDE).max(axis=1)
        loud = np.flatnonzero(peaks >= self._limit())
        quiet = int(loud[0]) * STRIDE if len(loud) else whole
        before = self._quiet_for * BLOCK
        if before + quiet < PAUSE * BLOCK:
            return 0
        return quiet - max(BLOCK, KEPT - before)

    def done(self) -> None:
        """A period was left out or repeated."""
        self._since = 0

    def _in_pause(self, period: Samples, ahead: Samples) -> bool:
        if self._quiet_for < PAUSE:
            return False
        limit = self._limit()
        return _peak(period) < limit and _peak(ahead[: MATCH + OVERLAP]) < limit

    def _limit(self) -> float:
        return max(SILENT, self._loud * BELOW_VOICE, self._floor * ABOVE_FLOOR)


def _peak(samples: Samples) -> float:
    if not len(samples):
        return 0.0
    # The lowest 16-bit integer has no positive of its own. To find where takes less than half as
    # long as a reduction of so few samples.
    return float(max(samples.item(samples.argmax()), -samples.item(samples.argmin())))
