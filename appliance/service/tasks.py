"""Deadly tasks: a background task that ends unexpectedly ends its process.

The pattern is kvmd's: systemd restarts a process that died, nobody restarts a task that did.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)


def die(name: str) -> None:
    """Ask this process to stop: SIGTERM runs the ordinary shutdown, which mutes first."""
    log.critical("background work %r ended unexpectedly; stopping the process", name)
    os.kill(os.getpid(), signal.SIGTERM)


def deadly_task(
    coroutine: Coroutine[Any, Any, None], name: str, *, on_death: Callable[[str], None] = die
) -> asyncio.Task[None]:
    """Run *coroutine* for the life of the process; cancelling it is the only quiet end.

    A return or an exception is logged with its traceback and *on_death(name)* is called.
    """
    task = asyncio.create_task(coroutine, name=name)

    def ended(done: asyncio.Task[None]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            log.critical("background task %r failed", name, exc_info=error)
        on_death(name)

    task.add_done_callback(ended)
    return task


async def stop_tasks(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait until each has ended; other errors were logged when they came."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
