"""Short background work that nobody awaits, and work done side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appliance.service.tasks import die, stop_tasks

log = logging.getLogger(__name__)


class Jobs:
    """Runs short coroutines to their end. One that fails unexpectedly ends the process.

    A job catches the errors that it expects. There is no queue: a job begins at once, and each
    is bounded by the time limits of what it waits for.
    """

    def __init__(self, *, on_death: Callable[[str], None] = die) -> None:
        self._on_death = on_death
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin *coroutine*; its task may be cancelled by whoever asked for it."""
        task = asyncio.create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def finish(self, limit_s: float) -> None:
        """Wait for what is running, up to *limit_s*; cancel what is left."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=limit_s)
        await stop_tasks(*self._running)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("background job %r failed", task.get_name(), exc_info=error)
            self._on_death(task.get_name())


async def together(*work: Awaitable[Any]) -> list[Any]:
    """Do all of *work* side by side; at the first failure cancel the rest, then raise it."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        unfinished = [task for task in tasks if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return [task.result() for task in tasks]
