"""Moments that all who look at something now and then share, so that the processor wakes once for
all of them: on an idle board a wake-up costs more than what is done in it.
"""

from __future__ import annotations

import asyncio

SOON = 0.1
"""Part of a period; whoever comes so shortly before a moment waits for the one after."""


async def next_tick(period_s: float) -> None:
    """Sleep until the next whole multiple of *period_s* on the loop's clock."""
    left = period_s - asyncio.get_running_loop().time() % period_s
    await asyncio.sleep(left if left > SOON * period_s else left + period_s)
