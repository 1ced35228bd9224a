"""A box at the sandbox: the driver, what it reported, and the legs it joined with."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, TypeVar

from appliance.platforms.protocol import InteractionChanged, InteractionsSnapshot, PlatformEvent
from appliance.platforms.sandbox.driver import SandboxDriver
from tests.support.centre import Administrator, CentreProcess
from tests.support.leg_port import PeerLeg
from tests.support.peer import Peer
from tests.support.waiting import eventually

AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ = 440.0, 1000.0, 2000.0
HEARD, UNHEARD = -26.0, -80.0
EventT = TypeVar("EventT", bound=PlatformEvent)
_numbers = itertools.count(1)


class Box:
    """A driver, what it reported, and the legs it joined with."""

    def __init__(self, driver: SandboxDriver) -> None:
        self.driver = driver
        self.events: list[PlatformEvent] = []
        self._peers: list[Peer] = []

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self, call: str) -> list[str]:
        changes = [event.interaction for event in self.of(InteractionChanged)]
        return [one.state for one in changes if one.id == call]

    async def join(
        self, call: str, *, supervisor: str = "sue", direction: str = "sendrecv"
    ) -> tuple[str, Peer]:
        """Handle and peer of a connected leg."""
        handle, peer = f"test-{next(_numbers)}", Peer(direction)
        self._peers.append(peer)
        await self.driver.monitor(handle, call, supervisor, PeerLeg(peer))
        return handle, peer

    async def close(self) -> None:
        await self.driver.stop()
        for peer in self._peers:
            await peer.close()


async def connected(centre: CentreProcess, **settings: Any) -> Box:
    """A driver at the centre that knows the interactions."""
    box = Box(SandboxDriver(centre.driver_settings(**settings)))
    await box.driver.start(box.events.append)
    await eventually(lambda: bool(box.of(InteractionsSnapshot)))
    return box


async def legs(admin: Administrator, call: str) -> list[Any]:
    """The legs on *call*, as the centre has them."""
    result = await admin.do("legs")
    return [leg for leg in result["legs"] if leg["call"] == call]


async def no_legs(admin: Administrator, call: str) -> None:
    """Wait until nobody monitors *call*."""
    async with asyncio.timeout(10):
        while await legs(admin, call):
            await asyncio.sleep(0.02)
