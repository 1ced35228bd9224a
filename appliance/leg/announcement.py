"""What the lamps tell for a while: a watched call has begun, a password can be set anew."""

from __future__ import annotations

import asyncio

from appliance.leg.aside import Aside
from appliance.leg.indicators import Indicators

SHOWN_S = 6.0
"""How long the status lamp tells of it, unless something else happens."""
RECOVERY_S = 360.0
"""Longer than control has it open."""


class Announcement:
    """On the loop only."""

    def __init__(self, indicators: Indicators) -> None:
        self._indicators = indicators
        self._end: asyncio.TimerHandle | None = None

    def make(self) -> bool:
        """Sound and show it; false where this is not the moment to."""
        if not self._indicators.show_announcement():
            return False
        self.forget()
        loop = asyncio.get_running_loop()
        self._end = loop.call_later(SHOWN_S, self._indicators.end_announcement)
        return True

    def forget(self) -> None:
        """The lamp goes on by itself no more."""
        if self._end is not None:
            self._end.cancel()


class RecoveryLamps:
    """On the loop only. Control switches them off; if it has died, time does."""

    def __init__(self, indicators: Indicators, aside: Aside) -> None:
        self._indicators = indicators
        self._aside = aside
        self._end: asyncio.TimerHandle | None = None

    def show(self, on: bool) -> None:
        """Have both lamps tell it, or no more: somebody may be counting presses still."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
            self._aside.begin()
        self._indicators.show_recovery(on)
        if on:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(RECOVERY_S, self.show, False)
