"""What provisioning needs of the rooms below, so that each test can bring its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.monitoring.audit import Entry


class Log(Protocol):
    """The audit log."""

    async def append(self, *entries: Entry) -> None:
        """Have *entries* on record; ``audit_unwritable`` when they cannot be."""

    def note(self, entry: Entry) -> None:
        """Have *entry* written soon; for what happens regardless."""


class Calls(Protocol):
    """The one call that the box may be in."""

    async def close(self) -> Callable[[], None]:
        """Let nobody join until what this returns is called; ``busy`` in a call."""
