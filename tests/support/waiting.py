"""Patience for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Wait until *condition* holds; fails when it never does."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)
