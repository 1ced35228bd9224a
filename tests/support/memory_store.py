"""A real SQLite database that is gone with its world: in memory, its SQL on a thread as always."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from appliance.monitoring.schema import migrate
from appliance.monitoring.store import Store, Work

T = TypeVar("T")


class MemoryStore(Store):
    """May be made on any thread and be used by any loop, one piece of work at a time."""

    def __init__(self) -> None:
        self.fail_with: Exception | None = None
        """What reading raises, as with a disk that is gone."""
        self._thread = ThreadPoolExecutor(1, "memory store")
        self._readable = self._thread.submit(_made).result()

    async def write(self, work: Work[T], *, committed: Callable[[], None] | None = None) -> T:
        result = await asyncio.wrap_future(self._thread.submit(self._transaction, work))
        if committed is not None:
            committed()
        return result

    async def read(self, work: Work[T]) -> T:
        if self.fail_with is not None:
            raise self.fail_with
        return await asyncio.wrap_future(self._thread.submit(work, self._readable))

    def write_now(self, work: Work[T]) -> T:
        """For whoever builds a world, before any loop runs in it."""
        return self._thread.submit(self._transaction, work).result()

    def _transaction(self, work: Work[T]) -> T:
        with self._readable:  # which commits, or takes it back
            self._readable.execute("BEGIN")
            return work(self._readable)


def _made() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA foreign_keys = ON")
    migrate(database)
    return database
