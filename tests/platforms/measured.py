"""What promises are measured by: tones at the parties' ears, and what a platform has of us."""

from __future__ import annotations

import asyncio
import time

from tests.platforms.site import HEARD_DBFS, MIXES_ONLY_MONITORED, Site, SiteCall

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 500.0, 1200.0, 2100.0
SETTLED_S = 1.3
"""A whole second of what is heard after a change."""
SOON_S = 5.0
"""A busy machine may hold everybody's packets back for a moment."""


async def nothing_is_left(site: Site, limit_s: float = 10.0) -> float:
    """Wait until the platform holds nothing of ours; how many seconds that took."""
    begun = time.monotonic()
    while left := await site.ours():
        took = time.monotonic() - begun
        assert took < limit_s, f"left on the platform after {took:.1f} s: {left}"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def supervisor_heard_by(call: SiteCall) -> tuple[float, float]:
    """dBFS of the supervisor's tone at agent and customer over the last second."""
    await asyncio.sleep(SETTLED_S)
    agent, customer = await asyncio.gather(
        call.agent.level(SUPERVISOR_HZ), call.customer.level(SUPERVISOR_HZ)
    )
    return agent, customer


async def goes_on(site: Site, call: SiteCall) -> None:
    """The two still hear each other, or soon again; a call that is over stays over."""
    until = time.monotonic() + SOON_S
    while not await call.active():
        assert time.monotonic() < until, "the two are not connected any more"
        await asyncio.sleep(0.05)
    if site.name in MIXES_ONLY_MONITORED:
        return
    await call.agent.tone(AGENT_HZ)
    await call.customer.tone(CUSTOMER_HZ)
    await asyncio.sleep(SETTLED_S)
    assert await call.agent.level(CUSTOMER_HZ) > HEARD_DBFS
    assert await call.customer.level(AGENT_HZ) > HEARD_DBFS
