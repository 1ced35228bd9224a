"""A box in a process of its own, to be killed: joins the call that it is told on its input."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from appliance.control_link.words import Audience
from tests.platforms.asterisk.spying_site import driver_of
from tests.platforms.desk import Desk

LIMIT_S = 20.0
JOINED = b"joined\n"


@asynccontextmanager
async def doomed_box(
    settings: dict[str, Any], call: str, *, barges: bool
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Its process, once it is in the call."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        task = {"settings": settings, "call": call, "barges": barges}
        process.stdin.write(json.dumps(task).encode() + b"\n")
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == JOINED
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _live(task: dict[str, Any]) -> None:
    desk = Desk(driver_of(task["settings"]))
    await desk.driver.start(desk.events.append)
    await desk.until(desk.connected)
    handle, _ = await desk.join(task["call"])
    if task["barges"]:
        await desk.driver.set_audience(handle, Audience.EVERYONE)
    print(JOINED.decode(), end="", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_live(json.loads(sys.stdin.readline())))
