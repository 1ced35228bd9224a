"""The audit log: append-only, each row chained to the one before by its hash.

The hash of a row is the SHA-256 over the hash before it and the row's canonical JSON. The head
(last number and hash) is kept apart as well, so that rows cut off at the end are noticed too.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import astuple, dataclass, field, fields
from datetime import UTC, datetime

from pydantic import JsonValue

from appliance.monitoring.store import Store, StoreError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

MAX_BACKLOG = 1000
RETRY_S = 5.0
MAX_NUMBER = 2**62
"""Above every row's, and still a number that SQLite takes."""
GENESIS = "0" * 64
"""What the first row's hash is chained to."""

_HEAD = "audit_head"


class AuditUnwritableError(StoreError):
    """The audit log cannot be written, so nothing that must be on record may happen."""

    code = "audit_unwritable"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that someone did, to be written down."""

    actor: str
    action: str
    session_id: str | None = None
    interaction_id: str | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit log with the hash that chains it to the row before."""

    # These are the table's columns, and the API shows them as they are: a field that the hash
    # covers and the export lacks would make the chain uncheckable.
    seq: int
    at: str
    actor: str
    action: str
    session_id: str | None
    interaction_id: str | None
    detail: str
    hash: str

    def expected_hash(self, previous: str) -> str:
        """What ``hash`` must be after a row with the hash *previous*."""
        return _hash(previous, astuple(self)[:-1])


_COLUMNS = ", ".join(column.name for column in fields(AuditRow))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the log is whole; ``broken_at`` is the first row that is not as it was written."""

    intact: bool
    rows: int
    broken_at: int | None = None


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _hash(previous: str, content: tuple[object, ...]) -> str:
    return hashlib.sha256(f"{previous}{_canonical(content)}".encode()).hexdigest()


def insert(database: sqlite3.Connection, entries: list[Entry]) -> None:
    """Append *entries* inside the caller's transaction."""
    seq, previous = _head(database)
    for entry in entries:
        seq += 1
        content = (
            seq,
            entry.at.isoformat(timespec="milliseconds"),
            entry.actor,
            entry.action,
            entry.session_id,
            entry.interaction_id,
            _canonical(dict(entry.detail)),
        )
        previous = _hash(previous, content)
        database.execute(
            f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*content, previous),
        )
    database.execute(
        "INSERT INTO kv VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_HEAD, json.dumps([seq, previous])),
    )


class Audit:
    """The audit log in *store*.

    `append` is for what must be on record before it happens; `note` for what happens regardless
    (muting, leaving): it never fails, keeps up to 1,000 entries in memory while the disk does not
    take them, and they go first when it does again. Entries beyond that are lost, loudly.
    """

    def __init__(self, store: Store, *, on_death: Callable[[str], None] = die) -> None:
        self._store = store
        self._on_death = on_death
        # Appended to on the loop, taken from in the writing thread only: a deque allows that.
        self._backlog: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write what is noted."""
        self._task = deadly_task(self._run(), "audit log", on_death=self._on_death)

    async def stop(self) -> None:
        """Write what is still noted, as far as the disk takes it."""
        await stop_tasks(self._task)
        self._task = None
        if self._backlog:
            await self._flush()

    async def append(
        self, *entries: Entry, also: Callable[[sqlite3.Connection], None] | None = None
    ) -> None:
        """Have *entries* on the disk, and the rows of *also* in the same transaction.

        Raises `AuditUnwritableError`; then none of it happened, or is known to have.
        """
        taken = 0

        def work(database: sqlite3.Connection) -> None:
            nonlocal taken
            waiting = list(self._backlog)
            taken = len(waiting)
            insert(database, [*waiting, *entries])
            if also is not None:
                also(database)

        def committed() -> None:
            for _ in range(taken):
                self._backlog.popleft()

        try:
            await self._store.write(work, committed=committed)
        except StoreError as error:
            raise AuditUnwritableError(
                f"The audit log cannot be written. {error.detail}"
            ) from error

    def note(self, entry: Entry) -> None:
        """Have *entry* written soon; never fails and never waits."""
        if len(self._backlog) >= MAX_BACKLOG:
            log.critical("audit entry lost: %s %s %s", entry.actor, entry.action, entry.session_id)
            return
        self._backlog.append(entry)
        self._wake.set()

    async def page(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]:
        """Up to *limit* rows with numbers above *after*, oldest first."""
        return await self._store.read(lambda database: _rows(database, after, limit))

    async def latest(self, *, before: int | None = None, limit: int = 100) -> list[AuditRow]:
        """Up to *limit* rows with numbers below *before*, newest first."""

        def work(database: sqlite3.Connection) -> list[AuditRow]:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",  # noqa: S608
                (min(before or MAX_NUMBER, MAX_NUMBER), limit),
            )
            return [AuditRow(*row) for row in found]

        return await self._store.read(work)

    async def of_session(self, session_id: str) -> list[AuditRow]:
        """All rows of one session, oldest first."""

        def work(database: sqlite3.Connection) -> list[AuditRow]:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE session_id = ? ORDER BY seq",  # noqa: S608
                (session_id,),
            )
            return [AuditRow(*row) for row in found]

        return await self._store.read(work)

    async def export(self) -> AsyncIterator[AuditRow]:
        """Every row, oldest first."""
        after = 0
        while rows := await self.page(after=after, limit=500):
            for row in rows:
                yield row
            after = rows[-1].seq

    async def verify(self) -> Verdict:
        """Check the whole chain, also while it grows."""
        least, newest = await self._store.read(_head)
        previous, expected = GENESIS, 1
        async for row in self.export():
            intact = row.seq == expected and row.hash == row.expected_hash(previous)
            if not intact or (row.seq == least and row.hash != newest):
                return Verdict(False, expected - 1, expected)
            previous, expected = row.hash, expected + 1
        if least > expected - 1:
            return Verdict(False, expected - 1, expected)
        return Verdict(True, expected - 1)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._backlog and not await self._flush():
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _flush(self) -> bool:
        try:
            await self.append()
        except AuditUnwritableError as error:
            log.error("%s %d entries wait in memory.", error.detail, len(self._backlog))
            return False
        return True


def _rows(database: sqlite3.Connection, after: int, limit: int) -> list[AuditRow]:
    found = database.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
        (after, limit),
    )
    return [AuditRow(*row) for row in found]


def _head(database: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the last row."""
    row = database.execute("SELECT value FROM kv WHERE key = ?", (_HEAD,)).fetchone()
    seq, last = json.loads(row[0]) if row else (0, GENESIS)
    return int(seq), str(last)
