"""Threads of the checks' own: a disk that hangs takes these, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_pool = ThreadPoolExecutor(2, "health")


async def in_thread(work: Callable[..., T], *values: object) -> T:
    """What *work* gives. A caller that gives up leaves the thread to it."""
    return await asyncio.get_running_loop().run_in_executor(_pool, work, *values)
