"""What provisioning has below it, written down: the audit log, and the call that may be on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from appliance.monitoring.audit import Entry
from appliance.service.errors import BargeboxError


@dataclass
class Notes:
    """Rows of the audit log, and whether a call may be joined."""

    entries: list[Entry] = field(default_factory=list)
    closed_by: set[object] = field(default_factory=set)
    in_a_call: bool = False

    async def append(self, *entries: Entry) -> None:
        self.entries += entries

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def close(self) -> Callable[[], None]:
        if self.in_a_call:
            raise BargeboxError("sam is monitoring a call.", code="busy")
        holder = object()
        self.closed_by.add(holder)
        return partial(self.closed_by.discard, holder)

    @property
    def closed(self) -> bool:
        """Whether nobody may join."""
        return bool(self.closed_by)

    def actions(self) -> list[tuple[str, str]]:
        """Who did what."""
        return [(entry.actor, entry.action) for entry in self.entries]
