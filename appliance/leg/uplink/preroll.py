"""What the microphone gave since the press and is not sent yet: kept before consent, caught up
with after it.

It lies in this memory and nowhere else, belongs to one epoch of the gate, and is overwritten when
the gate closes. Once there is consent it goes out at the pace at which the microphone gives more,
20 ms for 20 ms: never in a burst, which receivers take for jitter. The delay that the wait for
consent has made is taken out of it meanwhile: the silence before the first word at once, the rest
by the periods of the voice, within `CATCH_UP` frames.
"""

from __future__ import annotations

import threading

import numpy as np

from appliance.audio.levels import SILENCE_DBFS, dbfs
from appliance.leg.codecs.opus import FRAME, Samples
from appliance.leg.stretch import (
    MATCH,
    MAX_PERIOD,
    MIN_PERIOD,
    OVERLAP,
    Seam,
    cross_fade,
    shorter,
)
from appliance.leg.uplink.audio_level import NO_VOICE_DBFS

ROOM = 4 * FRAME
"""Samples beside the pre-roll: the frame that is next, and a block that comes late."""
CATCH_UP = 40
"""Frames (0.8 s) after which what was kept may have made no delay any more."""
ALIKE = 0.6
"""How like the next period must be for one to be left out, while there is time to choose."""
QUIET_DBFS = NO_VOICE_DBFS
"""What is softer is no speech: it may be left out without a look at its periods."""
WINDOW = 480
RISE_DB = 9.0
"""Above the softest window of what was kept: where somebody begins to speak."""
LEAD = 2 * FRAME
"""Samples kept before that: breath and soft consonants."""
CUTS = 4
"""In a frame, where much is overdue."""
FADE = 240
"""Samples (5 ms) in which the first sound rises, so that it does not click."""
RISE = np.sin(np.linspace(0, np.pi / 2, FADE, dtype=np.float32)) ** 2


class PreRoll:
    """At most *kept* samples before `begin`. Thread-safe: `wipe` is called by whoever mutes."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._sound: Samples = np.zeros(kept + ROOM, np.int16)
        self._count = 0
        self._epoch = -1
        self._begun = self._consented = False
        self._due = 0
        """Samples that came since, and that no frame was handed out for. Never more than are here:
        what is here beyond them is the delay."""
        self._late = 0
        """Samples of delay when it began."""
        self._sent = 0
        self._lock = threading.Lock()

    def wipe(self) -> None:
        """Overwrite all that is here."""
        with self._lock:
            self._wipe()

    def _wipe(self) -> None:
        self._sound.fill(0)
        self._count = 0
        self._begun = self._consented = False

    def add(self, epoch: int, block: Samples, *, consented: bool) -> None:
        """Take *block*, shape ``(n,)``, and whether all of it was said with consent; what another
        epoch left is wiped, and where nothing is kept, what was said before consent.
        """
        with self._lock:
            if epoch != self._epoch:
                self._wipe()
                self._epoch = epoch
            if consented and not self._consented:
                if not self._kept:
                    self._wipe()
                self._consented = True
            block = block[-len(self._sound) :]
            self._drop(self._count + len(block) - len(self._sound))
            self._sound[self._count : self._count + len(block)] = block
            self._count += len(block)
            self._due = min(self._due + len(block), ROOM)
            if not self._begun:
                # One frame at least, or none is whole when consent comes.
                self._drop(self._count - max(self._kept, FRAME))

    def _drop(self, samples: int) -> None:
        if samples > 0:
            left = self._count - samples
            self._sound[:left] = self._sound[samples : self._count]
            self._sound[left : self._count] = 0
            self._count = left

    @property
    def whole(self) -> bool:
        """Whether there is a frame."""
        return self._count >= FRAME

    def begin(self, epoch: int) -> bool:
        """There is consent for *epoch*: hand frames out from now on. True the first time; where
        nothing is kept, with the first block that was said with consent.
        """
        with self._lock:
            if self._begun or epoch != self._epoch or self._count < FRAME:
                return False
            if not (self._kept or self._consented):
                return False
            self._begun = True
            self._drop(min(speech_at(self._sound[: self._count]), self._count - FRAME))
            self._fade_in()
            self._due = FRAME
            self._late = self._count - self._due
            self._sent = 0
            return True

    def _fade_in(self) -> None:
        heard = np.flatnonzero(self._sound[:FRAME])
        begins = int(heard[0]) if len(heard) else 0
        first = self._sound[begins : begins + FADE]
        first[:] = np.round(first * RISE[: len(first)])

    def next(self, epoch: int) -> Samples | None:
        """The next 20 ms that are due in *epoch*; None when none are."""
        with self._lock:
            if not self._begun or epoch != self._epoch:
                return None
            if self._due < FRAME:
                return None
            self._hurry()
            frame = self._sound[:FRAME].copy()
            self._drop(FRAME)
            self._due -= FRAME
            self._sent += 1
            return frame

    def _hurry(self) -> None:
        """Leave out what has its turn, or does not show: more at once where much is overdue."""
        for cut in range(CUTS):
            late = self._count - self._due
            turn = self._late * max(0, CATCH_UP - self._sent) // CATCH_UP
            seam = self._seam(late, late - turn - cut * MAX_PERIOD)
            if seam is None:
                return
            self._leave_out(seam)

    def _seam(self, late: int, overdue: int) -> Seam | None:
        if late < MIN_PERIOD:
            return None
        ahead = self._sound[: min(self._count, MATCH + MAX_PERIOD)]
        if dbfs(ahead) < QUIET_DBFS:
            return Seam(min(late, len(ahead) - MATCH), 0.0)
        if overdue <= 0:
            return None
        # Of a voice with short periods several at once.
        seam = shorter(ahead, late, min(overdue, MAX_PERIOD // 2))
        # The last period waits for a good place; it may be there for long and is not heard.
        chosen = seam is not None and (seam.likeness >= ALIKE or overdue > MAX_PERIOD)
        return seam if chosen else None

    def _leave_out(self, seam: Seam) -> None:
        at, over = seam.lag, seam.lag + OVERLAP
        self._sound[at:over] = cross_fade(
            self._sound[:OVERLAP], self._sound[at:over], seam.likeness
        )
        self._drop(at)


def speech_at(sound: Samples) -> int:
    """Where somebody begins to speak in *sound*, a little early; its end where nobody does."""
    windows = [dbfs(sound[at : at + WINDOW]) for at in range(0, len(sound) - WINDOW + 1, WINDOW)]
    if not windows:
        return 0
    # A microphone may begin with nothing at all, which says nothing of the room.
    room = min((level for level in windows if level > SILENCE_DBFS), default=QUIET_DBFS)
    loud = min(QUIET_DBFS, room + RISE_DB)
    first = next((i for i, level in enumerate(windows) if level > loud), None)
    return len(sound) if first is None else max(0, first * WINDOW - LEAD)
