"""The database file: SQLite in WAL mode, one writing and one reading thread, faults in words."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from appliance.monitoring.schema import NewerDatabaseError, migrate
from appliance.service.errors import BargeboxError

MAX_WAITING = 512
"""Jobs that may wait for the disk; further ones are refused."""

LIMIT_S = 5.0
"""The longest that a caller waits. A job given up on may still be done later, as a whole."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class StoreError(BargeboxError):
    """The database cannot be used now."""

    code = "store_failed"


_WORDS = {
    sqlite3.SQLITE_FULL: "The box's disk is full. Free some space or replace the card.",
    sqlite3.SQLITE_BUSY: "The database is in use by another program. Close it and try again.",
    sqlite3.SQLITE_LOCKED: "The database is in use by another program. Close it and try again.",
    sqlite3.SQLITE_READONLY: "The database is read-only. Check the box's disk.",
    sqlite3.SQLITE_IOERR: "The box's disk has a fault. Replace the card.",
    sqlite3.SQLITE_CORRUPT: "The database is damaged. Restore it or move it away and restart.",
    sqlite3.SQLITE_NOTADB: "The file is no database. Move it away and restart.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened. Check its folder and permissions.",
}


def _explain(error: sqlite3.Error) -> StoreError:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return StoreError(_WORDS.get(primary, f"The database failed: {error}."))


class Store:
    """An open database. All methods run on one event loop; SQL runs on the store's threads."""

    def __init__(self, path: Path) -> None:
        """Open or make the database; call from a thread or before serving (`open`)."""
        try:
            # For our eyes only; SQLite gives its side files the same mode.
            path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise StoreError(_WORDS[sqlite3.SQLITE_CANTOPEN]) from error
        self.path = path
        self._written = self._connect(path)
        try:
            self._written.execute("PRAGMA journal_mode = WAL")
            migrate(self._written)
            self._readable = self._connect(path)
        except NewerDatabaseError:
            self._written.close()
            raise StoreError(
                "The database is from newer software. Update the box, or move the file away."
            ) from None
        except sqlite3.Error as error:
            self._written.close()
            raise _explain(error) from error
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._reader = ThreadPoolExecutor(1, "store-read")
        self._waiting = 0

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or make the database at *path* and bring it up to date. Raises `StoreError`."""
        return await asyncio.to_thread(cls, path)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(
                path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
            # FULL: a row of the audit log is on the disk before anything acts on it.
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            # What is removed because of its age is overwritten, not only forgotten.
            database.execute("PRAGMA secure_delete = ON")
        except sqlite3.Error as error:
            raise _explain(error) from error
        return database

    async def write(self, work: Work[T], *, committed: Callable[[], None] | None = None) -> T:
        """Run *work* as one transaction, all or nothing. Raises `StoreError`.

        *committed* runs in the writing thread once the rows are on the disk.
        """

        def transaction() -> T:
            self._written.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._written)
                self._written.execute("COMMIT")
            finally:
                if self._written.in_transaction:
                    self._written.execute("ROLLBACK")
            if committed is not None:
                committed()
            return result

        return await self._run(self._writer, transaction)

    async def read(self, work: Work[T]) -> T:
        """Run *work* against what is committed. Raises `StoreError`."""
        return await self._run(self._reader, lambda: work(self._readable))

    async def close(self) -> None:
        """Finish the waiting jobs, then close the file."""

        def finish() -> None:
            self._writer.shutdown()
            self._reader.shutdown()
            self._readable.close()
            self._written.close()

        await asyncio.to_thread(finish)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise StoreError("The box's disk does not keep up. Try again in a moment.")

        def guarded() -> T:
            try:
                return work()
            except sqlite3.Error as error:
                raise _explain(error) from error

        future = asyncio.get_running_loop().run_in_executor(pool, guarded)
        self._waiting += 1
        future.add_done_callback(self._ran)
        try:
            # Shielded: whoever gives up waiting must not tear a transaction out of the queue.
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.shield(future)
        except TimeoutError:
            raise StoreError("The box's disk does not answer. Check it.") from None

    def _ran(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # retrieved, also when nobody waits any more
