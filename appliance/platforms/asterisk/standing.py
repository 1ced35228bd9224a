"""How the two connections to the server stand, and what the box is told of them and of its calls.

One connection tells the calls, the other carries the leg's signalling. Both are made again for
ever, and the platform counts as connected while both are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import (
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformError,
    PlatformEvent,
    Sink,
)
from appliance.platforms.sip.errors import SipError

log = logging.getLogger(__name__)

Connection = Literal["list", "leg"]


class Standing:
    """What was told last, and the faults behind it."""

    def __init__(self, listing: Listing) -> None:
        self.sink: Sink | None = None
        self._listing = listing
        self._faults: dict[Connection, str | None] = {"list": "", "leg": ""}
        """What is wrong with each connection; None: nothing, empty: not known yet."""
        self._told: PlatformConnection | None = None

    def fault_of(self, which: Connection) -> str | None:
        """What is wrong with a connection; None: nothing, empty: not known yet."""
        return self._faults[which]

    def stands(self, which: Connection) -> None:
        """The connection is up; with the list's the calls were read anew."""
        self._set(which, None)

    def fails(self, which: Connection, detail: str) -> None:
        """The connection is down."""
        self._set(which, detail)

    def changed(self, interactions: Iterable[Interaction]) -> None:
        """Calls changed; told while connected, for a snapshot follows anyhow."""
        if self._told is not None and self._told.connected:
            for interaction in interactions:
                self._tell(InteractionChanged(interaction))

    def ended(self, handle: str, reason: EndReason) -> None:
        """One of our legs ended."""
        self._tell(LegEnded(handle, reason))

    def _set(self, which: Connection, detail: str | None) -> None:
        """Say once what is wrong, not at each attempt; and the list anew when all is well."""
        self._faults[which] = detail
        fault = next((one for one in self._faults.values() if one), None)
        if fault is not None:
            told = PlatformConnection(connected=False, detail=fault)
        elif all(one is None for one in self._faults.values()):
            told = PlatformConnection(connected=True)
        else:
            return
        if told != self._told or (which == "list" and detail is None):
            if told != self._told and fault is not None:
                log.warning("%s", fault)
            self._told = told
            self._tell(told)
            if told.connected:
                self._tell(InteractionsSnapshot(tuple(self._listing.shown.values())))

    def _tell(self, event: PlatformEvent) -> None:
        if self.sink is not None:
            self.sink(event)


async def keep_up(
    which: Connection,
    live: Callable[[], Awaitable[None]],
    standing: Standing,
    settings: AsteriskSettings,
) -> None:
    """Connect for ever; *live* is one connection, and ends by raising why it is no more."""
    pause = settings.retry_first
    while True:
        try:
            await live()
        except (SipError, PlatformError) as error:
            if standing.fault_of(which) is None:
                pause = settings.retry_first
            standing.fails(which, error.detail)
        await asyncio.sleep(pause)
        pause = min(pause * 2, settings.retry_longest)
