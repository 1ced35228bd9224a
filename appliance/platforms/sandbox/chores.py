"""Short background work that is expected to end; a fault in it ends the process all the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from appliance.service.tasks import die, stop_tasks

log = logging.getLogger(__name__)


class Chores:
    """Runs coroutines that have a time limit of their own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, chore: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start *chore*; it may be forgotten, for if it fails, the process stops."""
        task = asyncio.create_task(chore, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("%r failed", task.get_name(), exc_info=task.exception())
            die(task.get_name())

    async def finish(self, seconds: float) -> None:
        """Wait for what is still running, at most so long, then cancel it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await stop_tasks(*self._tasks)
