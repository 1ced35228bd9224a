"""What accounts watch: the agents and queues whose next call they want to be told of."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.store import Store
from appliance.platforms.protocol import Interaction
from appliance.service.errors import BargeboxError

MAX_WATCHES = 50
"""Of one account on one platform."""


class Kind(StrEnum):
    """What can be watched."""

    AGENT = "agent"
    QUEUE = "queue"


Key = tuple[Kind, str]
"""An agent by the platform's id, a queue by its name."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One of them; ``name`` is for people."""

    kind: Kind
    target: str
    name: str

    @property
    def key(self) -> Key:
        """What is compared with an interaction's `keys`."""
        return self.kind, self.target


class WatchError(BargeboxError):
    """It cannot be watched."""

    code = "too_many_watches"


def keys(interaction: Interaction) -> Iterator[Key]:
    """All by which *interaction* may be watched."""
    for agent in interaction.agents:
        yield Kind.AGENT, agent.id
    if interaction.queue:
        yield Kind.QUEUE, interaction.queue


class Watches:
    """The watches in *store* that belong to *platform*. Its coroutines raise `StoreError`.

    The database is the truth; what is in memory only says at once who may be concerned.
    """

    def __init__(self, platform: str, store: Store, audit: Audit) -> None:
        self._platform = platform
        self._store = store
        self._audit = audit
        self._watchers: dict[Key, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def watchers(self, key: Key) -> Set[str]:
        """The accounts that watch it, by name."""
        return self._watchers.get(key, frozenset())

    async def load(self) -> None:
        """Learn anew from the database who watches what."""

        def work(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
            return database.execute(
                "SELECT account, kind, target FROM watches WHERE platform = ?", (self._platform,)
            ).fetchall()

        watchers: defaultdict[Key, set[str]] = defaultdict(set)
        for account, kind, target in await self._store.read(work):
            watchers[Kind(kind), target].add(account)
        self._watchers = dict(watchers)

    async def of(self, account: str) -> list[Watched]:
        """What *account* watches, by name."""

        def work(database: sqlite3.Connection) -> list[Watched]:
            rows = database.execute(
                "SELECT kind, target, name FROM watches WHERE account = ? AND platform = ?"
                " ORDER BY kind, name COLLATE NOCASE, target",
                (account, self._platform),
            )
            return [Watched(Kind(kind), target, name) for kind, target, name in rows]

        return await self._store.read(work)

    async def add(self, account: str, watched: Watched) -> None:
        """Watch it from now on; again, it only takes the new name. On record.

        Raises `WatchError`, `AuditUnwritableError`.
        """
        mine = await self.of(account)
        if watched in mine:
            return

        def work(database: sqlite3.Connection) -> None:
            _insert(database, account, self._platform, watched)

        await self._audit.append(_entry(account, "watch", watched.key), also=work)
        await self.load()

    async def remove(self, account: str, key: Key) -> None:
        """Watch it no more. On record, if it was watched. Raises `AuditUnwritableError`."""
        if all(watched.key != key for watched in await self.of(account)):
            return

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "DELETE FROM watches WHERE account = ? AND platform = ? AND kind = ?"
                " AND target = ?",
                (account, self._platform, *key),
            )

        await self._audit.append(_entry(account, "unwatch", key), also=work)
        await self.load()


def _insert(database: sqlite3.Connection, account: str, platform: str, watched: Watched) -> None:
    # From the account's own row: one that was removed meanwhile gets no watch.
    database.execute(
        "INSERT INTO watches (account, platform, kind, target, name, created_at)"
        " SELECT name, ?, ?, ?, ?, ? FROM accounts WHERE name = ?"
        " ON CONFLICT DO UPDATE SET name = excluded.name",
        (
            platform,
            watched.kind,
            watched.target,
            watched.name,
            datetime.now(UTC).isoformat(),
            account,
        ),
    )
    (count,) = database.execute(
        "SELECT COUNT(*) FROM watches WHERE account = ? AND platform = ?", (account, platform)
    ).fetchone()
    if count > MAX_WATCHES:
        raise WatchError(f"You watch {MAX_WATCHES} agents and queues already. Remove one first.")


def _entry(account: str, action: str, key: Key) -> Entry:
    return Entry(account, action, detail={"kind": key[0].value, "target": key[1]})


def chosen(watched: Iterable[Watched], interaction: Interaction) -> tuple[Watched, ...]:
    """Those of *watched* that *interaction* is with."""
    here = set(keys(interaction))
    return tuple(one for one in watched if one.key in here)
