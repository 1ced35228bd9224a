"""Follows what RAUC does, whoever told it to: by its signals, from the first moment on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from appliance.provisioning.bus import BusError, ServiceAbsentError, SystemBus, Talk
from appliance.provisioning.bus_hearing import OWNER_CHANGED, Signal, hearing
from appliance.provisioning.updates.errors import NO_UPDATER
from appliance.provisioning.updates.rauc import COMPLETED, IDLE, INSTALLER, SERVICE, Now, Rauc
from appliance.service.jobs import Jobs

AGAIN_S: Final = 5.0
"""Pause before a bus, or a service that did not answer, is asked again."""


class Follower:
    """What RAUC does now. *told* is called on the loop at each change; *ended* with RAUC's result
    of an installation, 0 for success, or None where RAUC went away or nobody heard it.
    """

    def __init__(
        self, bus: SystemBus, told: Callable[[], None], ended: Callable[[int | None], None]
    ) -> None:
        self.now: Now | None = None
        """None: there is no updater, or it is not known yet; `fault` says why."""
        self.fault = NO_UPDATER
        self._bus, self._told, self._ended = bus, told, ended
        self._jobs = Jobs()
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                await self._follow()
            except BusError as error:
                self._is_away(error)
                self._looked.set()
            finally:
                await self._jobs.finish(0.0)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        """Until the bus goes away."""
        async with (
            self._bus.talk() as talk,
            hearing(talk, SERVICE, lambda signal: self._hear(talk, signal)),
        ):
            await self._look(talk)
            await talk.ended()

    async def met(self, limit_s: float) -> None:
        """Until RAUC was asked for the first time, or for so long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._looked.wait()
        except TimeoutError:
            return

    async def _look(self, talk: Talk) -> None:
        """Ask for all; begins RAUC where the bus may."""
        try:
            found = await Rauc(talk).now()
        except ServiceAbsentError as error:
            self._is_away(error)
        else:
            self._take(found)
            if found.operation == IDLE:
                self._ended(None)  # whatever ran may have ended unheard
        finally:
            self._looked.set()

    async def _look_again(self, talk: Talk) -> None:
        try:
            await self._look(talk)
        except BusError as error:
            self._is_away(error)

    def _hear(self, talk: Talk, signal: Signal) -> None:
        if signal.member == OWNER_CHANGED:
            if signal.body[2]:
                self._jobs.spawn(self._look_again(talk), "updater is there again")
            else:
                self._is_away(None)
                self._ended(None)
        elif signal.member == COMPLETED:
            # Its last properties are still to come, and are not of another installation.
            self.now = replace(self.now or Now(), operation=IDLE)
            self._ended(int(signal.body[0]))
        elif signal.member == "PropertiesChanged" and signal.body[0] == INSTALLER:
            self._take((self.now or Now()).changed(signal.body[1]))

    def _take(self, now: Now) -> None:
        before, self.now, self.fault = self.now, now, ""
        if now != before:
            self._told()

    def _is_away(self, error: BusError | None) -> None:
        self.fault = NO_UPDATER
        if error is not None:
            self.fault = f"{NO_UPDATER} {error.detail}"
        if self.now is not None:
            self.now = None
            self._told()
