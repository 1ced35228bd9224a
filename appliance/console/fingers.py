"""Fingers on the virtual board's buttons, which let go when their browser has gone."""

from __future__ import annotations

import asyncio
import logging
import time

from appliance.console.ports.monitoring import Panel
from appliance.control_link.words import Button
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

LONGEST_HOLD = 12.0
"""Seconds; longer than any hold that means something (10 s)."""


class Fingers:
    """Passes presses on. A release that never comes (a closed laptop) is made up for."""

    def __init__(self, panel: Panel, *, longest_hold: float = LONGEST_HOLD) -> None:
        self._panel = panel
        self._longest_hold = longest_hold
        self._holds: dict[Button, asyncio.Task[None]] = {}
        self._touched_at = float("-inf")

    async def press(self, button: Button, down: bool) -> None:
        """Push or let go. Raises BargeboxError when the panel cannot be reached."""
        self._forget(button)
        self._touched_at = time.monotonic()
        await self._panel.press(button, down)
        if down:
            self._forget(button)  # two browsers may press at the same moment
            self._holds[button] = asyncio.create_task(self._let_go(button), name=f"hold {button}")

    @property
    def touched_lately(self) -> bool:
        """A press that is heard now, or a hold, may be one of these."""
        return time.monotonic() - self._touched_at < self._longest_hold + 3.0

    def close(self) -> None:
        """Stop counting; what is held is released by the panel when its connection ends."""
        for button in tuple(self._holds):
            self._forget(button)

    def _forget(self, button: Button) -> None:
        hold = self._holds.pop(button, None)
        if hold is not None:
            hold.cancel()

    async def _let_go(self, button: Button) -> None:
        await asyncio.sleep(self._longest_hold)
        self._holds.pop(button, None)
        log.info("the %s button was held for %g s; let go", button, self._longest_hold)
        try:
            await self._panel.press(button, False)
        except BargeboxError as error:
            log.warning("the %s button could not be let go: %s", button, error.detail)
