"""New software for the box: chosen, looked at, written into the other slot, started.

RAUC does the work, and goes on whatever becomes of this process. An installation may run during a
call, for it touches only the slot that does not run; what changes which software starts, or
restarts, does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from appliance.monitoring.audit import Entry
from appliance.platforms import trust
from appliance.provisioning.box.restart import Restart
from appliance.provisioning.bus import BusError, ServiceAbsentError, SystemBus
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.updates.choosing import Chooser, Chosen
from appliance.provisioning.updates.errors import NO_UPDATER, UpdateError, of_bus
from appliance.provisioning.updates.folder import BundleFolder, Note
from appliance.provisioning.updates.follower import Follower
from appliance.provisioning.updates.installation import Installation, moment
from appliance.provisioning.updates.rauc import INSTALLING, Rauc
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.slots import Slots, slots_of
from appliance.provisioning.updates.starting import Starting
from appliance.provisioning.updates.sticks import bundles_on
from appliance.provisioning.updates.views import Operation, Progress, UpdatesView, slot_view
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, stop_tasks

UPLOAD_LIMIT_S: Final = 45 * 60.0
MEET_S: Final = 5.0


class Updates:
    """Updates of the box. Methods raise `UpdateError` and `BusError`."""

    def __init__(
        self, bus: SystemBus, settings: UpdateSettings, audit: Log, calls: Calls, restart: Restart
    ) -> None:
        self._bus, self._settings, self._audit = bus, settings, audit
        self._starting = Starting(audit, calls, restart)
        self._folder = BundleFolder(settings.folder)
        self._chooser = Chooser(self._folder, settings, audit, trust.site_authorities)
        self._installation = Installation(bus, self._folder, audit, self._tell)
        self._follower = Follower(bus, self._changed, self._installation.ended)
        self._listeners: set[Callable[[Progress], None]] = set()
        self._doing: Operation = "idle"
        self._told = Progress()
        self._chosen: Chosen | None = None
        self._slots = Slots()
        self._one_at_a_time = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what runs, and follow RAUC from now on, where there is to be a bus."""
        if self._bus.wanted:
            await self._installation.take_up()
            self._following = deadly_task(self._follower.run(), "updater")

    async def stop(self) -> None:
        """Cease to follow; RAUC goes on without us."""
        if self._following is not None:
            await stop_tasks(self._following)
        await self._installation.stop()

    @property
    def largest(self) -> int:
        """Bytes that an uploaded bundle may have."""
        return self._settings.largest

    # -- telling

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """Call *listener* on the loop at each change, until what this returns is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    @property
    def progress(self) -> Progress:
        """What is being done now."""
        if self._doing != "idle":
            return Progress(operation=self._doing, outcome=self._installation.outcome)
        return self._installation.progress(self._follower.now)

    def _changed(self) -> None:
        self._installation.seen(self._follower.now)
        self._tell()

    def _tell(self) -> None:
        before, self._told = self._told, self.progress
        if self._told != before:
            for listener in list(self._listeners):
                listener(self._told)

    def _do(self, operation: Operation) -> None:
        self._doing = operation
        self._tell()

    async def view(self) -> UpdatesView:
        """As it is now; without an updater that there is none, and never an error."""
        view = UpdatesView(managed=False, version=self._slots.running, largest=self.largest)
        if self._bus.wanted and self._following is not None:
            await self._follower.met(MEET_S)
        now = self._follower.now
        if now is None:
            view.detail = self._follower.fault
            return view
        if self.progress.operation == "idle":
            try:
                async with self._bus.talk() as talk:
                    self._slots = await slots_of(Rauc(talk))
            except BusError as error:
                view.detail = error.detail
        view.managed, view.compatible, view.progress = True, now.compatible, self.progress
        view.version = self._slots.running
        view.slots = [slot_view(slot, self._slots.next) for slot in self._slots.all]
        view.bundle = None if self._chosen is None else self._chosen.view
        view.sticks = await asyncio.to_thread(bundles_on, self._settings.sticks)
        if (coming := self._slots.coming) is not None:
            view.restart_to = coming.version or coming.bootname
        return view

    # -- choosing

    async def upload(
        self, who: str, name: str, length: int, pieces: AsyncIterator[bytes]
    ) -> UpdatesView:
        """Take a bundle of *length* bytes as it comes and look at it; of a bad one nothing is left.

        What *pieces* raise goes on.
        """
        async with self._order() as rauc:
            self._chosen = self._installation.outcome = None
            self._do("uploading")
            try:
                async with asyncio.timeout(UPLOAD_LIMIT_S):
                    await self._folder.keep(length, pieces)
            except TimeoutError as error:
                raise UpdateError("too_slow", minutes=int(UPLOAD_LIMIT_S // 60)) from error
            await self._choose(who, rauc, self._chooser.uploaded(name, length))
        return await self.view()

    async def choose_stick(self, who: str, name: str) -> UpdatesView:
        """Look at a bundle on a USB stick."""
        async with self._order() as rauc:
            await self._drop()
            await self._choose(who, rauc, await self._chooser.on_stick(name))
        return await self.view()

    async def choose_address(self, who: str, address: str) -> UpdatesView:
        """Look at a bundle on a server, which RAUC reads as it goes."""
        async with self._order() as rauc:
            await self._drop()
            await self._choose(who, rauc, await self._chooser.on_server(address))
        return await self.view()

    async def forget(self, who: str) -> UpdatesView:
        """Do not install the one that is chosen, and remove it where it was uploaded."""
        async with self._order():
            await self._drop()
            self._audit.note(Entry(who, "update_forgotten"))
        return await self.view()

    async def _choose(self, who: str, rauc: Rauc, chosen: Chosen) -> None:
        self._do("inspecting")
        try:
            await self._chooser.judge(who, rauc, chosen, self._slots.running)
        except BargeboxError:
            await self._drop()
            raise
        self._chosen = chosen

    async def _drop(self) -> None:
        self._chosen = self._installation.outcome = None
        await asyncio.to_thread(self._folder.drop)

    # -- orders

    async def install(self, who: str, *, older: bool) -> UpdatesView:
        """Begin to write the chosen bundle into the other slot; *older* where that is wanted."""
        async with self._order() as rauc:
            if (chosen := self._chosen) is None:
                raise UpdateError("no_bundle")
            view = chosen.view
            if view.age in ("older", "unknown") and not older:
                raise UpdateError(
                    "older_version", version=view.version, running=self._slots.running
                )
            detail = view.model_dump(mode="json", include={"source", "name", "version", "age"})
            await self._audit.append(Entry(who, "update_begun", detail=detail))
            told = view.model_dump(include={"source", "name", "version"})
            await self._installation.begin(Note(by=who, begun_at=moment(), **told))
            self._chosen = None
            try:
                await rauc.install(chosen.source, chosen.access)
            except BusError as error:
                fault = of_bus(error)
                await self._installation.never_began(fault)
                raise fault from error
        return await self.view()

    async def start_next(self, who: str, slot: str) -> UpdatesView:
        """Have the box start from the slot of that name. Raises ``busy`` in a call."""
        async with self._order() as rauc:
            await self._starting.choose(who, rauc, self._slots, slot)
        return await self.view()

    async def restart(self, who: str) -> UpdatesView:
        """Restart into the slot that is next. Raises ``busy`` in a call."""
        async with self._order():
            await self._starting.restart(who, self._slots)
        return await self.view()

    def refuse_while_writing(self) -> None:
        """For whoever would cut it short. Raises ``installing`` while RAUC writes a slot."""
        now = self._follower.now
        if now is not None and now.operation == INSTALLING:
            raise UpdateError("installing")

    async def mark_good(self) -> None:
        """What runs has passed its self-test: it is what the box starts from now on."""
        async with self._bus.talk() as talk:
            rauc = Rauc(talk)
            self._slots = await slots_of(rauc)
            await self._starting.mark_good(rauc, self._slots.running)

    @asynccontextmanager
    async def _order(self) -> AsyncIterator[Rauc]:
        """One at a time, none while something is installed, with the slots as they are."""
        if self._installation.note is not None:
            if self._follower.now is None:
                raise ServiceAbsentError(NO_UPDATER)
            raise UpdateError("installing")
        if self._one_at_a_time.locked():
            raise UpdateError("update_busy")
        async with self._one_at_a_time, self._bus.talk() as talk:
            rauc = Rauc(talk)
            try:
                self._slots = await slots_of(rauc)
            except ServiceAbsentError as error:
                raise ServiceAbsentError(NO_UPDATER) from error
            try:
                yield rauc
            finally:
                self._do("idle")
