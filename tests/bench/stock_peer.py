"""The peer beside us in the same run: stock aiortc on the same call, without any sound card.

Its figures end where a frame is decoded; ours end at the card's ear, some 30 ms further.
"""

from __future__ import annotations

import asyncio
import time
import uuid

from appliance.demo.world import World
from appliance.platforms.protocol import LegNeeds, PlatformConnection, PlatformEvent
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.sandbox.settings import SandboxSettings
from appliance.webrtc import allow_loopback
from tests.bench.bare_client import TimedLeg
from tests.bench.figures import Figure
from tests.support.centre import Administrator
from tests.support.demo_world import open_centre


async def measure_stock_peer(world: World, repetitions: int) -> list[Figure]:
    """*join* and *ear* of stock aiortc, as in `hearing`; the goals are our own figures' goals."""
    allow_loopback()
    settings = SandboxSettings.model_validate(
        {"url": world.centre_url, "token": world.centre_token, "tenant": "sandbox"}
    )
    driver = SandboxDriver(settings)
    connected = asyncio.Event()

    def sink(event: PlatformEvent) -> None:
        if isinstance(event, PlatformConnection) and event.connected:
            connected.set()

    await driver.start(sink)
    try:
        async with asyncio.timeout(10):
            await connected.wait()
        async with open_centre(world) as admin:
            call = await admin.create_call()
            ears = await _clicks(driver, admin, call, repetitions)
            await admin.tone(call, "customer", 3000.0, -12.0)
            joins = [await _join(driver, call) for _ in range(repetitions)]
            await admin.do("end", call=call)
    finally:
        await driver.stop()
    return [
        Figure("join_stock_aiortc", [ms for ms in joins if ms is not None], "ms", 400, "p95"),
        Figure("ear_stock_aiortc", ears, "ms", 150, "p95"),
    ]


async def _open(driver: SandboxDriver, call: str) -> tuple[TimedLeg, str]:
    peer, handle = TimedLeg(LegNeeds(direction="recvonly")), f"peer-{uuid.uuid4().hex}"
    await driver.monitor(handle, call, "peer", peer)
    return peer, handle


async def _join(driver: SandboxDriver, call: str) -> float | None:
    clicked = time.monotonic()
    peer, handle = await _open(driver, call)
    heard = await peer.first_after(clicked, 3.0)
    await driver.leave(handle)
    await peer.close()
    return None if heard is None else 1000 * (heard - clicked)


async def _clicks(
    driver: SandboxDriver, admin: Administrator, call: str, repetitions: int
) -> list[float]:
    peer, handle = await _open(driver, call)
    await asyncio.sleep(2.0)
    samples: list[float] = []
    for i in range(repetitions):
        spoken = float((await admin.do("click", call=call, party="customer"))["at"])
        heard = await peer.first_after(spoken, 1.0)
        if heard is not None:
            samples.append(1000 * (heard - spoken))
        await asyncio.sleep(0.25 + 0.007 * (i % 5))
    await driver.leave(handle)
    await peer.close()
    return samples
