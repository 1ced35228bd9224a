"""Sequence numbers (RFC 3550): what was sent before what. Only they tell a packet that others
overtook from one whose sender has set its clock back.
"""

from __future__ import annotations

MISORDER = 100
"""Packets that may overtake one (`MAX_MISORDER` of RFC 3550 appendix A.1)."""
STRAGGLING = 4_800
"""How long (0.1 s) packets of what was before are its stragglers, and not its return."""


class Numbers:
    """Of one source."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._arrival = 0

    def overtaken(self, number: int | None, arrival: int) -> bool:
        """Whether one that was sent later has just come before the packet of this *number* (16
        bit). Where nothing newer comes any more, the sender counts anew.
        """
        if number is None:
            return False
        known = self._newest is not None and (self._newest - number) & 0xFFFF <= MISORDER
        if known and arrival - self._arrival < STRAGGLING:
            return True
        self._newest, self._arrival = number, arrival
        return False
