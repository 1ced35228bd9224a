"""The audit log: append-only, each row chained to the one before by its hash, its end signed.

The hash of a row is the SHA-256 over the hash before it and the row's canonical JSON. The end is
signed with the box's own key at every write, in the database and in a file beside it, so that
rows cut off are noticed too.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar

from appliance.monitoring.audit_checker import Checked, Checker
from appliance.monitoring.audit_cut import old_rows
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_rows import AuditRow, Entry, read_rows
from appliance.monitoring.audit_seal import BOX, Seal
from appliance.monitoring.audit_search import (
    EVERYTHING,
    MAX_NUMBER,
    AuditQuery,
    Found,
    search,
)
from appliance.monitoring.audit_tail import head_in, insert
from appliance.monitoring.store import Store, StoreError
from appliance.service.tasks import deadly_task, die, stop_tasks

__all__ = ["Audit", "AuditRow", "AuditUnwritableError", "Entry", "insert"]

log = logging.getLogger(__name__)

MAX_BACKLOG = 1000
RETRY_S = 5.0
EXPORTED_AT_ONCE = 500
MAX_CUT = 5000
"""Rows that one transaction removes, so that nobody waits long."""


T = TypeVar("T")


class AuditUnwritableError(StoreError):
    """The audit log cannot be written, so nothing that must be on record may happen."""

    code = "audit_unwritable"


class Audit:
    """The audit log in *store*.

    `append` is for what must be on record before it happens; `note` for what happens regardless
    (muting, leaving): it never fails, keeps up to 1,000 entries in memory while the disk does not
    take them, and they go first when it does again. Entries beyond that are lost, and a row tells
    how many.
    """

    def __init__(self, store: Store, *, on_death: Callable[[str], None] = die) -> None:
        self._store = store
        self._on_death = on_death
        # Appended to on the loop, taken from in the writing thread only: a deque allows that.
        self._backlog: deque[Entry] = deque()
        self._lost: deque[None] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._seal = Seal(store.path)  # of the writing thread only
        self._exports = 0
        self._listeners: list[Callable[[], None]] = []
        self._checker = Checker(store.path)

    def start(self) -> None:
        """Begin to write what is noted; at the first start, make the key."""
        self._task = deadly_task(self._run(), "audit log", on_death=self._on_death)

    async def stop(self) -> None:
        """Write what is still noted, as far as the disk takes it."""
        self._checker.stop()
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

        def rows(database: sqlite3.Connection) -> None:
            insert(database, list(entries))
            if also is not None:
                also(database)
            self._seal.finish(database)

        await self._write(rows)

    async def record(self, entry: Entry, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have *entry* on the disk together with what *work* writes; gives what *work* gives.

        Raises as `append` does, and what *work* raises; then none of it happened.
        """
        results: list[T] = []
        await self.append(entry, also=lambda database: results.append(work(database)))
        return results[0]

    async def cut(self, older_than: datetime) -> int:
        """Remove rows from before *older_than*, oldest first, at most 5,000; how many went.

        The newest row tells of it, and the head signs it. While somebody exports, none go.
        Raises `AuditUnwritableError`.
        """
        gone = 0

        def rows(database: sqlite3.Connection) -> None:
            nonlocal gone
            found = old_rows(database, older_than, MAX_CUT, self._seal.cut_hash)
            if found is not None:
                gone = found.rows
                insert(database, [Entry(BOX, "audit_cut", detail=found.told())])
            self._seal.finish(database, None if found is None else (found.seq, found.hash))
            if found is not None:
                database.execute("DELETE FROM audit WHERE seq <= ?", (found.seq,))

        if not self._exports:
            await self._write(rows)
        return gone

    def note(self, entry: Entry) -> None:
        """Have *entry* written soon; never fails and never waits."""
        if len(self._backlog) >= MAX_BACKLOG:
            log.critical("audit entry lost: %s %s %s", entry.actor, entry.action, entry.session_id)
            self._lost.append(None)
            return
        self._backlog.append(entry)
        self._wake.set()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* on the loop after each write; it must neither block nor raise."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def page(self, *, after: int = 0, limit: int = 100) -> list[AuditRow]:
        """Up to *limit* rows with numbers above *after*, oldest first."""
        return await self._read("WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)

    async def search(
        self, query: AuditQuery = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> Found:
        """Up to *limit* rows with numbers below *before*, newest first. Raises `StoreError`."""
        return await search(self._store, query, before, limit)

    async def of_session(self, session_id: str) -> list[AuditRow]:
        """All rows of one session, oldest first."""
        return await self._read("WHERE session_id = ? ORDER BY seq", session_id)

    async def head(self) -> SignedHead | None:
        """The signed head as it stands; None before the first start has come to it."""
        return await self._store.read(head_in)

    @property
    def checked(self) -> Checked | None:
        """The last check of the whole log in this life of the process."""
        return self._checker.last

    async def check(self) -> Checked:
        """Check the whole log, or wait for the check that runs. Raises `StoreError`."""
        return await self._checker.check()

    async def export(self) -> AsyncIterator[str]:
        """The rows there are now, oldest first, and their signed head: one JSON object a line."""
        self._exports += 1
        try:
            head = await self.head()
            after, last = (0, MAX_NUMBER) if head is None else (head.cut, head.seq)
            while rows := await self._read(
                "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", after, last, EXPORTED_AT_ONCE
            ):
                yield "".join(f"{row.line()}\n" for row in rows)
                after = rows[-1].seq
            if head is not None:
                yield f"{head.line()}\n"
        finally:
            self._exports -= 1

    async def _read(self, clauses: str, *values: object) -> list[AuditRow]:
        return await self._store.read(
            lambda database: read_rows(database, clauses, values, odd="surrogateescape")
        )

    async def _write(self, rows: Callable[[sqlite3.Connection], None]) -> None:
        """What waits, then *rows*, which signs it all."""
        taken = lost = 0

        def work(database: sqlite3.Connection) -> None:
            nonlocal taken, lost
            waiting = list(self._backlog)
            taken, lost = len(waiting), len(self._lost)
            if lost:
                waiting.append(Entry(BOX, "audit_lost", detail={"rows": lost}))
            insert(database, [*self._seal.begin(database), *waiting])
            rows(database)

        def committed() -> None:
            for _ in range(taken):
                self._backlog.popleft()
            for _ in range(lost):
                self._lost.popleft()
            self._seal.committed()

        try:
            await self._store.write(work, committed=committed)
        except StoreError as error:
            raise AuditUnwritableError(
                f"The audit log cannot be written. {error.detail}"
            ) from error
        for listener in self._listeners:
            listener()

    async def _run(self) -> None:
        self._wake.set()  # the first round also makes the key, and mends what a kill left
        begun = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (self._backlog or not begun) and not await self._flush():
                await asyncio.sleep(RETRY_S)
                self._wake.set()
            else:
                begun = True

    async def _flush(self) -> bool:
        try:
            await self.append()
        except AuditUnwritableError as error:
            log.error("%s %d entries wait in memory.", error.detail, len(self._backlog))
            return False
        return True
