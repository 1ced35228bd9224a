"""Presses that were begun for something else than a call, and go on into one.

Whoever counts presses for a new password, or tries the buttons, does not see at once that it is
over and a call was joined, perhaps by somebody who is elsewhere. What they press then un-mutes
nothing.
"""

from __future__ import annotations

import time
from typing import Final

PAUSE_S: Final = 3.0
"""After so long without a press, the next one means the call."""


class Aside:
    """Thread-safe: one moment, that is read and set."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """What the presses were for is over."""
        self._until = time.monotonic() + PAUSE_S

    def goes_on(self) -> bool:
        """Whether a press of this moment belongs to them; it then takes as long again."""
        if time.monotonic() >= self._until:
            return False
        self.begin()
        return True
