"""Presses the buttons of the virtual board, over its socket, for the panel page."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from appliance.console.settings import ConsoleError
from appliance.control_link.words import Button

log = logging.getLogger(__name__)

LONGEST_HOLD = 12.0
"""Seconds; longer than any hold that means something (10 s), so that a closed laptop lets go."""

TIMEOUT = 2.0


class VirtualPanelClient:
    """One lasting connection for all pages: the panel releases what a closed one held."""

    def __init__(self, path: Path, *, longest_hold: float = LONGEST_HOLD) -> None:
        self._path = path
        self._longest_hold = longest_hold
        self._writer: asyncio.StreamWriter | None = None
        self._draining: asyncio.Task[None] | None = None
        self._letting_go: dict[Button, asyncio.TimerHandle] = {}
        self._turn = asyncio.Lock()

    async def press(self, button: Button, down: bool) -> None:
        """Move the button. Raises ConsoleError 503 when the panel cannot be reached."""
        timer = self._letting_go.pop(button, None)
        if timer is not None:
            timer.cancel()
        try:
            async with asyncio.timeout(TIMEOUT), self._turn:
                writer = await self._connected()
                writer.write(_line(button, down))
                await writer.drain()
        except (OSError, TimeoutError) as error:
            self._disconnect()
            raise ConsoleError(
                503, "panel_unreachable", "The box's panel does not answer. Try again in a moment."
            ) from error
        if down:
            loop = asyncio.get_running_loop()
            self._letting_go[button] = loop.call_later(self._longest_hold, self._let_go, button)

    async def close(self) -> None:
        """Let go of everything."""
        for timer in self._letting_go.values():
            timer.cancel()
        self._letting_go.clear()
        draining = self._draining
        self._disconnect()
        if draining is not None:
            await asyncio.gather(draining, return_exceptions=True)

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is None or self._draining is None or self._draining.done():
            self._disconnect()
            reader, self._writer = await asyncio.open_unix_connection(self._path)
            self._draining = asyncio.create_task(_discard(reader), name="virtual panel lamps")
        return self._writer

    def _let_go(self, button: Button) -> None:
        self._letting_go.pop(button, None)
        if self._writer is not None and not self._writer.is_closing():
            log.info("the %s button was held for %g s; let go", button, self._longest_hold)
            self._writer.write(_line(button, False))

    def _disconnect(self) -> None:
        if self._draining is not None:
            self._draining.cancel()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._draining = None


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read the lamps' lines away: the leg reports its lamps over the control link."""
    while await reader.read(4096):
        pass


def _line(button: Button, down: bool) -> bytes:
    return json.dumps({"button": button, "down": down}).encode() + b"\n"
