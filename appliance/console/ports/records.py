"""What is on record: the sessions that ended, and the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_checker import Checked
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_search import EVERYTHING, AuditQuery, Found
from appliance.monitoring.curve import Curve
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.history_list import Names
from appliance.monitoring.history_query import HistoryQuery


class History(Protocol):
    """Sessions that ended. *only* is whose of them may be seen, None for everybody's."""

    async def pick(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> tuple[list[SessionRecord], int]:
        """One page of what *query* asks for, and how many there are in all."""

    async def names(self, *, only: str | None = None) -> Names:
        """The names that they can be filtered by."""

    def export(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> AsyncIterator[SessionRecord]:
        """All that *query* lets through, oldest first."""

    async def get(self, session_id: str) -> SessionRecord | None:
        """One, also while it is running."""

    async def curve(self, session_id: str) -> Curve | None:
        """How it sounded over its time; None where that was not kept."""


class AuditLog(Protocol):
    """The audit log."""

    async def search(
        self, query: AuditQuery = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> Found:
        """Rows with numbers below *before*, newest first."""

    async def append(self, *entries: Entry) -> None:
        """Have *entries* on record; ``audit_unwritable`` when they cannot be."""

    def note(self, entry: Entry) -> None:
        """Have *entry* on record soon; never fails and never waits."""

    def export(self) -> AsyncIterator[str]:
        """Every row, oldest first, and the signed head: JSON lines, several at a time."""

    async def head(self) -> SignedHead | None:
        """Where the log ends, signed; None only in the first moments of a box."""

    @property
    def checked(self) -> Checked | None:
        """The last check of the whole log in this life of the process."""

    async def check(self) -> Checked:
        """Check the whole log; ``store_failed`` when it cannot be read."""
