"""Packets that belong before the play position: late ones, and those of a sender whose clock is not
where it was. Sequence numbers (RFC 3550) tell what was sent before what, and with them the one from
the other.
"""

from __future__ import annotations

from enum import Enum, auto

MISORDER = 100
"""Packets that may overtake one (`MAX_MISORDER` of RFC 3550 appendix A.1)."""
STRAGGLING = 4_800
"""How long (0.1 s) packets of what was before are its stragglers, and not its return."""
MANY = 3
"""In a row they are no accident."""


class Verdict(Enum):
    """What to do with such a packet."""

    LATE = auto()
    """Nothing: its time is over."""
    BACK = auto()
    """Play it next: nothing was sent meanwhile."""
    ANEW = auto()
    """Play it next, and compare it with nothing that came before: it is of another time-line."""


class Past:
    """Of one source."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._arrival = 0
        self._late = 0
        self._back = (0, 0)
        """From which pause of the sender was gone back last, and how often."""

    def overtaken(self, number: int | None, arrival: int) -> bool:
        """Whether one that was sent later has just come before the packet of this *number* (16
        bit), or the packet itself. Where nothing newer comes any more, the sender counts anew.
        Tell of each packet.
        """
        if number is None:
            return False
        known = self._newest is not None and (self._newest - number) & 0xFFFF <= MISORDER
        if known and arrival - self._arrival < STRAGGLING:
            return True
        self._newest, self._arrival = number, arrival
        return False

    def judge(self, at: int, *, overtaken: bool, paused_from: int | None) -> Verdict:
        """Of a packet of the past that begins *at*, while the sender pauses since *paused_from*:
        a pause may have gone on for too long here, or the sender's clock have stood still in it.
        """
        self._late += not overtaken
        if paused_from is not None and at >= paused_from:
            before, times = self._back
            times = times + 1 if before == paused_from else 1
            self._back = paused_from, times
            # Gone back again and again, and none was heard: they are too old by what went before.
            return Verdict.ANEW if times >= MANY else Verdict.BACK
        return Verdict.LATE if overtaken or self._late < MANY else Verdict.ANEW

    def is_over(self) -> None:
        """A packet was of use."""
        self._late = 0
