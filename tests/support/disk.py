"""A database whose disk has no room any more."""

from __future__ import annotations

import asyncio

from appliance.monitoring.store import Store


async def pragma(store: Store, text: str) -> None:
    """Give the writing connection a pragma."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(store._writer, store._written.execute, f"PRAGMA {text}")


async def fill(store: Store) -> None:
    """A full disk: not one page more."""
    (pages,) = await store.read(lambda db: db.execute("PRAGMA page_count").fetchone())
    await pragma(store, f"max_page_count = {pages}")
