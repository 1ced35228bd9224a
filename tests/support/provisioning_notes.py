"""What provisioning has below it, written down: the audit log, and the call that may be on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.monitoring.audit import Entry
from appliance.service.errors import BargeboxError
from tests.support.holders import Holders


@dataclass
class Notes(Holders):
    """Rows of the audit log, and whether a call may be joined."""

    entries: list[Entry] = field(default_factory=list)
    in_a_call: bool = False

    async def append(self, *entries: Entry) -> None:
        self.entries += entries

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def close(self) -> Callable[[], None]:
        if self.in_a_call:
            raise BargeboxError("sam is monitoring a call.", code="busy")
        return self.hold()

    def actions(self) -> list[tuple[str, str]]:
        """Who did what."""
        return [(entry.actor, entry.action) for entry in self.entries]
