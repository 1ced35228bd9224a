"""What the tests of faults at CxEngage share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import PlatformError
from tests.platforms.cxengage.process import StandinProcess
from tests.platforms.cxengage.site import CxEngageSite
from tests.platforms.desk import Desk, desk_at
from tests.platforms.site import SiteCall

SUE = "user-sue"
INTERRUPTS, LIST, BEAT = "/interrupts", "/realtime-statistics", "/heartbeat"
EVERY = ("VIEW_ALL_MONITORED_CALLS", "MONITOR_ALL_CALLS", "BARGE_ALL_CALLS")
CUSTOMER_HZ = 1200.0


@asynccontextmanager
async def desk(standin: StandinProcess, **settings: object) -> AsyncIterator[Desk]:
    async with desk_at(CxEngageSite(standin), **settings) as found:
        yield found


async def new_call(standin: StandinProcess, agent: str = "agent-ada", flow: str = "on") -> SiteCall:
    return await CxEngageSite(standin).call(agent_id=agent, monitoring=flow)


def fault(path: str, status: int = 500, times: int = 1, **fields: Any) -> dict[str, Any]:
    return {"rest": [{"path": path, "status": status, "times": times, **fields}]}


async def ended(found: Desk, handle: str) -> EndReason:
    await found.until(lambda: found.end_of(handle) is not None, 6)
    reason = found.end_of(handle)
    assert reason is not None
    return reason


async def gone_on(found: Desk, handle: str, call: SiteCall) -> None:
    """The leg is there and the call is up."""
    await asyncio.sleep(1.0)
    assert found.end_of(handle) is None
    assert await call.active()


async def refused(found: Desk, call: SiteCall) -> PlatformError:
    error = await found.refused(call.id)
    assert error.detail.endswith(".")
    assert await call.active()
    return error


@contextmanager
def memory_stays_within(megabytes: int) -> Iterator[None]:
    """The most that this process, the box's driver in it, held more than at the beginning."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here (proc(5))
    before = _kilobytes("VmRSS")
    yield
    grown = _kilobytes("VmHWM") - before
    assert grown < megabytes * 1024, f"{grown} kB more"


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
