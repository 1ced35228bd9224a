"""What the box is told of its platform, and the way back to one that was lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from appliance.platforms.protocol import PlatformConnection, PlatformError, PlatformEvent, Sink

log = logging.getLogger(__name__)


class Teller:
    """Tells `sink`, once there is one; a complaint once, and not at each attempt."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.well = False
        """What was told last of the connection."""
        self._complaint: str | None = None

    def tell(self, event: PlatformEvent) -> None:
        """Anything but the connection's state."""
        if self.sink is not None:
            self.sink(event)

    def all_is_well(self) -> None:
        """The connection stands."""
        self.well = True
        self._complaint = None
        self.tell(PlatformConnection(connected=True))

    def complain(self, detail: str) -> None:
        """The connection is not as it should be."""
        self.well = False
        if detail != self._complaint:
            self._complaint = detail
            log.warning("%s", detail)
            self.tell(PlatformConnection(connected=False, detail=detail))

    async def stay_connected(
        self, live: Callable[[], Awaitable[None]], first_s: float, longest_s: float
    ) -> None:
        """Connect for ever. *live* is one connection; it raises `PlatformError` with what is wrong,
        or has told it when it returns.

        The pauses double from *first_s* to *longest_s*. They begin anew when it returned, or
        lasted longer than *longest_s*: who lets us in and throws us out is not asked more often.
        """
        clock, pause = asyncio.get_running_loop(), first_s
        while True:
            begun, stood = clock.time(), False
            try:
                await live()
                stood = True
            except PlatformError as error:
                self.complain(error.detail)
            if stood or clock.time() - begun > longest_s:
                pause = first_s
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest_s)
