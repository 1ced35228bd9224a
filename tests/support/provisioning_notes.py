"""What provisioning has below it, written down: the audit log, and the call that may be on."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.monitoring.audit import Entry
from appliance.service.errors import BargeboxError


@dataclass
class Notes:
    """Rows of the audit log, and whether a call may be joined."""

    entries: list[Entry] = field(default_factory=list)
    closed: bool = False
    in_a_call: bool = False

    async def append(self, *entries: Entry) -> None:
        self.entries += entries

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def close(self) -> None:
        if self.in_a_call:
            raise BargeboxError("sam is monitoring a call.", code="busy")
        self.closed = True

    def reopen(self) -> None:
        self.closed = False

    def actions(self) -> list[tuple[str, str]]:
        """Who did what."""
        return [(entry.actor, entry.action) for entry in self.entries]
