"""Changing the network without being cut off by it.

NetworkManager remembers how everything is (a checkpoint) before a change, and goes back to it by
itself unless the change is confirmed in time, whatever becomes of this process meanwhile. Until
then the new settings are in memory only: a box that loses power comes up with the old ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Final

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.bus import BusError, ServiceAbsentError, SystemBus
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.network.manager import Kept, NetworkManager, Snapshot
from appliance.provisioning.network.plan import planned, refuse_taken, told
from appliance.provisioning.network.profiles import Profile
from appliance.provisioning.network.reading import view_of
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.network.steps import LOOK_EVERY_S, bring_up, let_go, save
from appliance.provisioning.network.views import DeviceView, NetworkView, device_of
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.words import said
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

BOX: Final = "bargebox"
"""Who undoes a change in the audit log."""

ANSWER_S: Final = 0.5
"""How long the answer to whoever changed the network has to leave by the old one."""

CONFIRM_LIMIT_S: Final = 30
"""What confirming may take; NetworkManager waits so long for it."""


class Network:
    """The box's network. Its methods raise `BusError` and `NotChangedError`."""

    def __init__(self, bus: SystemBus, settings: NetworkSettings, audit: Log, calls: Calls) -> None:
        self._bus, self._settings = bus, settings
        self._audit, self._calls = audit, calls
        self._jobs = Jobs()
        self._one_at_a_time = asyncio.Lock()
        self._decided = False
        """Somebody confirmed or undid the change that was pending last."""
        self._outcome = ""

    async def start(self) -> None:
        """Look for a change that a former life of this process left unconfirmed."""
        with suppress(BusError):  # no NetworkManager, no change
            async with self._manager() as manager:
                point = (await manager.snapshot()).checkpoint()
            if point is not None:
                self._jobs.spawn(self._watch(point.path), "network change")

    async def stop(self) -> None:
        """Cease to watch; NetworkManager goes back without us."""
        await self._jobs.finish(0.0)

    async def view(self) -> NetworkView:
        """How it is now; without NetworkManager that there is none, and never an error."""
        try:
            async with self._manager() as manager:
                return await view_of(manager, self._outcome)
        except ServiceAbsentError as error:
            words = "This box's network is not managed by NetworkManager, so it cannot be shown."
            return NetworkView(managed=False, detail=f"{words} {error.detail}")
        except BusError as error:
            return NetworkView(managed=False, detail=error.detail)

    # -- orders

    async def change(self, who: str, device: str, wired: Wired) -> NetworkView:
        """Use *wired* on a device, until it is confirmed or the time is over.

        Raises ``busy`` in a call, ``pending`` while another change waits, ``not_found``.
        """
        async with self._order() as manager:
            snapshot = await manager.snapshot()
            if snapshot.checkpoint() is not None:
                words = said("Another change waits to be confirmed. Keep it or undo it first.")
                raise NotChangedError(words, code="pending")
            path, view = _wired_device(snapshot, device)
            refuse_taken(snapshot, device, wired)
            before, wanted, obsolete = await planned(manager, snapshot, path, wired)
            with ExitStack() as undone:
                reopen = undone.callback(await self._calls.close())
                detail: dict[str, JsonValue] = {
                    "device": device,
                    "before": before,
                    "after": told(wired),
                }
                await self._audit.append(Entry(who, "network_changed", detail=detail))
                await self._begin(manager, view.state, wanted, obsolete, reopen)
                undone.pop_all()  # it stays closed until all came up, or did not
            return await view_of(manager, self._outcome)

    async def check(self, device: str, wired: Wired) -> None:
        """Whether *wired* could be used on a device; nothing is changed. Raises as `change`."""
        async with self._manager() as manager:
            snapshot = await manager.snapshot()
            path, _ = _wired_device(snapshot, device)
            refuse_taken(snapshot, device, wired)
            await planned(manager, snapshot, path, wired)

    async def confirm(self, who: str) -> NetworkView:
        """Keep the change that is pending. Raises ``nothing_pending``, also when it is too late."""
        async with self._order() as manager:
            snapshot = await manager.snapshot()
            point = snapshot.checkpoint()
            if point is None or not await manager.postpone(point.path, CONFIRM_LIMIT_S):
                raise _nothing_pending()
            await self._audit.append(Entry(who, "network_confirmed"))
            await save(manager, snapshot)
            await manager.forget(point.path)
            self._decided, self._outcome = True, "The change is kept."
            return await view_of(manager, self._outcome)

    async def discard(self, who: str) -> NetworkView:
        """Undo the change that is pending. Raises ``nothing_pending``, ``busy`` in a call."""
        async with self._order() as manager:
            point = (await manager.snapshot()).checkpoint()
            if point is None:
                raise _nothing_pending()
            with ExitStack() as closed:
                closed.callback(await self._calls.close())
                await self._audit.append(Entry(who, "network_discarded"))
                if not await manager.go_back(point.path):
                    raise _nothing_pending()
                self._decided = True
            self._outcome = "The change was undone."
            return await view_of(manager, self._outcome)

    # -- inside

    @asynccontextmanager
    async def _manager(self) -> AsyncIterator[NetworkManager]:
        async with self._bus.talk() as talk:
            yield NetworkManager(talk)

    @asynccontextmanager
    async def _order(self) -> AsyncIterator[NetworkManager]:
        if self._one_at_a_time.locked():
            raise NotChangedError("The network is being changed. Try again.", code="busy")
        async with self._one_at_a_time, self._manager() as manager:
            yield manager

    async def _begin(
        self,
        manager: NetworkManager,
        state: str,
        wanted: list[Profile],
        obsolete: Profile | None,
        reopen: Callable[[], None],
    ) -> None:
        """Write the profiles, let them come up once the answer is under way, then *reopen*."""
        limited = state in {"connected", "connecting"}  # else nobody comes in by this device
        point = await manager.remember(self._settings.confirm_within_s) if limited else ""
        self._decided, self._outcome = False, ""
        try:
            kept = Kept.IN_MEMORY if limited else Kept.ON_DISK
            if obsolete is not None:
                await let_go(manager, obsolete, for_good=not limited)
            paths = [(await manager.write(one, kept), one.device) for one in wanted]
        except BusError:
            if point:
                await manager.go_back(point)
            raise
        self._jobs.spawn(self._bring_up(paths, point, reopen), "network change")

    async def _bring_up(
        self, paths: list[tuple[str, str]], point: str, reopen: Callable[[], None]
    ) -> None:
        try:
            await asyncio.sleep(ANSWER_S)
            try:
                async with self._manager() as manager:
                    fault = await bring_up(manager, paths)
                    if fault and point and await manager.go_back(point):
                        self._undone(f"It did not come up. {fault}")
                        return
            except BusError as error:
                log.error("the network change was not carried out: %s", error.detail)
        finally:
            reopen()
        if point:
            await self._watch(point)

    async def _watch(self, point: str) -> None:
        """Wait until the change is confirmed or undone, and write down which it was."""
        gone = False
        while not gone and not self._decided:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(BusError):  # NetworkManager starts again, or the bus does
                async with self._manager() as manager:
                    found = (await manager.snapshot()).checkpoint()
                gone = found is None or found.path != point
        async with self._one_at_a_time:  # whoever decides just now has the word
            if not self._decided:
                self._undone("Nobody confirmed it in time.")

    def _undone(self, why_so: str) -> None:
        self._decided = True
        self._outcome = f"The change was undone. {why_so}"
        self._audit.note(Entry(BOX, "network_rolled_back", detail={"reason": why_so}))
        log.warning("%s", self._outcome)


def _wired_device(snapshot: Snapshot, device: str) -> tuple[str, DeviceView]:
    """Its path and view. Raises ``not_found``."""
    found = snapshot.device(device)
    if found is None or (view := device_of(snapshot, *found)) is None:
        raise NotChangedError(f"There is no device {device}.", code="not_found")
    if view.kind != "wired":
        raise NotChangedError(f"{device} is no wired device.", code="not_found")
    return found[0], view


def _nothing_pending() -> NotChangedError:
    words = "No change waits to be confirmed; if there was one, it has been undone."
    return NotChangedError(words, code="nothing_pending")
