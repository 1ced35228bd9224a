"""What is known of the calls, and how changes of it are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.platforms.cxengage.account import MONITOR, Account
from appliance.platforms.cxengage.listing import REQUEST, Rights, Row, rows_of
from appliance.platforms.cxengage.rest import Rest
from appliance.platforms.protocol import (
    InteractionChanged,
    InteractionsSnapshot,
    Sink,
)


class Book:
    """The list as it was read last."""

    def __init__(self, tell: Sink) -> None:
        self.rows: dict[str, Row] = {}
        self._tell = tell
        self._told: dict[str, Row] | None = None
        self._reading = asyncio.Lock()

    def begin_anew(self) -> None:
        """The next reading is told as a whole."""
        self._told = None

    async def read(
        self, rest: Rest, account: Account, ahead: Callable[[], None] | None = None
    ) -> dict[str, Row]:
        """The list as it is now; what changed is told, after *ahead*. Raises `PlatformError`."""
        async with self._reading:
            answer = await rest.post(
                "tenants", account.tenant_id, "realtime-statistics", "batch", body=REQUEST
            )
            rights = Rights(account.user_id, MONITOR in account.permissions)
            found = rows_of(answer, rights, self.rows, rest.oddities)
            self.rows = {row.interaction.id: row for row in found}
            if ahead is not None:
                ahead()
            self._tell_changes()
            return self.rows

    def _tell_changes(self) -> None:
        told, self._told = self._told, self.rows
        if told is None:
            self._tell(InteractionsSnapshot(tuple(row.interaction for row in self.rows.values())))
            return
        for key, row in self.rows.items():
            if key not in told or told[key].interaction != row.interaction:
                self._tell(InteractionChanged(row.interaction))
        for key, row in told.items():
            if key not in self.rows:
                self._tell(InteractionChanged(row.ended()))
