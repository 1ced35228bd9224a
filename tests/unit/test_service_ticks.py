"""Moments that several tasks share."""

from __future__ import annotations

import asyncio

from appliance.service.ticks import next_tick


async def test_those_who_wait_for_the_same_moment_wake_together() -> None:
    loop = asyncio.get_running_loop()
    woke: dict[str, list[float]] = {"first": [], "second": [], "slow": []}

    async def wait(name: str, late_s: float, period_s: float) -> None:
        await asyncio.sleep(late_s)
        for _ in range(4):
            await next_tick(period_s)
            woke[name].append(loop.time())

    begun = loop.time()
    await asyncio.gather(wait("first", 0, 0.05), wait("second", 0.013, 0.05), wait("slow", 0, 0.1))
    for other in woke["second"][:3] + woke["slow"][:1]:
        # In the same round of the loop, or the one after.
        assert min(abs(at - other) for at in woke["first"]) < 0.005
    for times, period_s in ((woke["first"], 0.05), (woke["slow"], 0.1)):
        assert len({round(at / period_s) for at in times}) == 4  # no moment twice
        assert times[-1] - begun < 8 * period_s
