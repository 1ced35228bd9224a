"""Refused sign-ins on record: the first at once, an attack as sums, so that it fills no log."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

GATHER_S = 15.0
"""The shortest time between two sums."""
ROWS = 4
"""Of one sum: those refused most often, and the rest as one. At most 16 rows a minute."""
GROUPS = 256

Append = Callable[..., Awaitable[None]]
KnownAs = Callable[[str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Group:
    """Refusals of one kind; without name and address those that there was no room for."""

    name: str | None
    address: str | None
    reason: str


class RefusedSignIns:
    """Counts them; `run` writes the sums. A name that no account has is not written down:
    people type passwords there by mistake.
    """

    def __init__(self, append: Append, known_as: KnownAs) -> None:
        self._append, self._known_as = append, known_as
        self._counts: Counter[Group] = Counter()
        self._wake = asyncio.Event()

    def add(self, name: str, address: str, reason: str) -> None:
        """A sign-in was refused; *reason* is the refusal's code."""
        self._count(Group(name, address, reason), 1)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.write()
            await asyncio.sleep(GATHER_S)

    async def write(self) -> None:
        """Write what was counted; what the disk does not take is counted on."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await self._append(*await self._entries(counts))
        except BargeboxError as error:
            for group, count in counts.items():
                self._count(group, count)
            log.warning("refused sign-ins are not on record yet: %s", error.detail)

    def _count(self, group: Group, count: int) -> None:
        if group not in self._counts and len(self._counts) >= GROUPS:
            group = Group(None, None, group.reason)
        self._counts[group] += count
        self._wake.set()

    async def _entries(self, counts: Counter[Group]) -> list[Entry]:
        named: Counter[Group] = Counter()
        for group, count in counts.items():
            known = None if group.name is None else await self._known_as(group.name)
            named[Group(known, group.address, group.reason)] += count
        ranked = named.most_common()
        first = ranked if len(ranked) <= ROWS else ranked[: ROWS - 1]
        entries = [_entry(count, _told(group)) for group, count in first]
        if rest := ranked[len(first) :]:
            entries.append(_entry(sum(count for _, count in rest), {"reason": "various"}))
        return entries


def _told(group: Group) -> dict[str, JsonValue]:
    return {"account": group.name, "address": group.address, "reason": group.reason}


def _entry(count: int, detail: dict[str, JsonValue]) -> Entry:
    return Entry("bargebox", "sign_in_refused", detail={**detail, "count": count})
