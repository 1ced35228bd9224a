"""A supervisor's desk at a site: a driver, what it reported, and legs of stock aiortc."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from appliance.control_link.words import EndReason
from appliance.platforms.drivers import make_driver
from appliance.platforms.protocol import (
    Driver,
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    PlatformConnection,
    PlatformError,
    PlatformEvent,
)
from appliance.platforms.settings import PlatformSettings
from tests.platforms.site import Site
from tests.support.leg_end import LegEnd

LIMIT_S = 10.0
EventT = TypeVar("EventT", bound=PlatformEvent)
_numbers = itertools.count(1)


def new_handle() -> str:
    """Unlike any other, also of another process at the same platform."""
    return f"bargebox-test-{os.getpid()}-{next(_numbers)}"


class Desk:
    """One driver and its legs."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.events: list[PlatformEvent] = []
        self._legs: dict[str, LegEnd] = {}

    def of(self, kind: type[EventT]) -> list[EventT]:
        """All events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def interactions(self) -> dict[str, Interaction]:
        """The active list as the events tell it."""
        known: dict[str, Interaction] = {}
        for event in self.events:
            if isinstance(event, InteractionsSnapshot):
                known = {item.id: item for item in event.interactions}
            elif isinstance(event, InteractionChanged):
                known[event.interaction.id] = event.interaction
        return {key: item for key, item in known.items() if item.state != "ended"}

    def connected(self) -> bool:
        """Whether the driver says that it is."""
        told = self.of(PlatformConnection)
        return bool(told) and told[-1].connected

    def end_of(self, handle: str) -> EndReason | None:
        """Why the platform ended this leg, if it did."""
        return next((e.reason for e in self.of(LegEnded) if e.handle == handle), None)

    async def until(self, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
        """Seconds that it took; fails after *limit_s*."""
        begun = time.monotonic()
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.005)
        return time.monotonic() - begun

    async def lists(self, call: str) -> Interaction:
        """The interaction, once it is listed."""
        await self.until(lambda: call in self.interactions())
        return self.interactions()[call]

    async def join(self, call: str, supervisor: str = "sue") -> tuple[str, LegEnd]:
        """Handle and leg once it hears something."""
        await self.lists(call)
        handle, leg = new_handle(), LegEnd(self.driver.leg)
        self._legs[handle] = leg
        await self.driver.monitor(handle, call, supervisor, leg)
        await self.until(lambda: leg.frames > 5)
        return handle, leg

    async def refused(self, call: str) -> PlatformError:
        """Why it cannot be joined."""
        leg = LegEnd(self.driver.leg)
        try:
            async with asyncio.timeout(LIMIT_S):
                await self.driver.monitor(new_handle(), call, "sue", leg)
        except PlatformError as error:
            return error
        finally:
            await leg.close()
        raise AssertionError("it was joined")

    async def leave(self, handle: str) -> None:
        """As the box does it: the platform first, then the leg itself."""
        await self.driver.leave(handle)
        await self._legs.pop(handle).close()

    async def close(self) -> None:
        """Leave every leg and stop."""
        for handle, leg in self._legs.items():
            try:
                await self.driver.leave(handle)
            except PlatformError:
                continue  # the test has stopped the platform
            finally:
                await leg.close()
        await self.driver.stop()


def twin_of(driver: Driver) -> Driver:
    """Another driver with the very same settings."""
    section = {"driver": driver.name, driver.name: vars(driver)["_settings"]}
    return make_driver(PlatformSettings.model_validate(section))


@asynccontextmanager
async def desk_at(site: Site, **settings: object) -> AsyncIterator[Desk]:
    """A desk whose driver knows the site's calls."""
    desk = Desk(site.driver(**settings))
    await desk.driver.start(desk.events.append)
    try:
        await desk.until(lambda: bool(desk.of(InteractionsSnapshot)))
        yield desk
    finally:
        await desk.close()
