"""The monitoring service between a fake leg and a fake platform, with a real database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.control_link.words import EndReason, Gate
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import AuditRow
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.policy import Account
from appliance.monitoring.session import MonitoringView
from appliance.monitoring.session_machine import State
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import Store
from appliance.monitoring.supervisor import MonitoringService
from appliance.platforms.protocol import PlatformError
from tests.support.fake_driver import FakeDriver, call
from tests.support.fake_leg import FakeLeg
from tests.support.waiting import eventually

PASSWORD = "correct horse battery"

AWAY = PlatformError("The platform is silent.", code="platform_lost")


@dataclass
class Life:
    """One life of the control process."""

    service: MonitoringService
    store: Store
    accounts: Accounts
    views: list[MonitoringView] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The state shown."""
        return self.service.current().state

    async def rows(self) -> list[AuditRow]:
        """The audit log."""
        return await self.service.audit.page(limit=10_000)

    async def actions(self) -> list[str]:
        """The audit log's actions."""
        return [row.action for row in await self.rows()]

    async def who_muted(self, count: int) -> list[str]:
        """The actors of the audit log's mutes, once there are *count*: they are noted in the
        background.
        """
        async with asyncio.timeout(10):
            while True:
                actors = [row.actor for row in await self.rows() if row.action == "mute"]
                if len(actors) >= count:
                    return actors
                await asyncio.sleep(0.01)

    async def recorded(self) -> SessionRecord:
        """The one session of the history, once it is there: it is written in the background."""
        async with asyncio.timeout(10):
            while not (found := (await self.service.history.page())[0]):
                await asyncio.sleep(0.005)
        (record,) = found
        return record

    async def forbid_writing(self, forbidden: bool = True) -> None:
        """Make the database read-only for its writer, as a failed disk is, or mend it."""

        def work(database: sqlite3.Connection) -> None:
            database.execute(f"PRAGMA query_only = {int(forbidden)}")

        await asyncio.get_running_loop().run_in_executor(
            self.store._writer, work, self.store._written
        )


@dataclass
class World:
    """What outlives the control process."""

    directory: Path
    leg: FakeLeg
    driver: FakeDriver
    settings: MonitoringSettings = field(default_factory=MonitoringSettings)
    deaths: list[str] = field(default_factory=list)
    people: dict[str, Account] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ann: Account
        self.bob: Account

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Life]:
        """A life of the control process; a running session is left for the next one."""
        store = await Store.open(self.directory / "box.db")
        accounts = Accounts(store)
        await self._people(accounts)
        service = MonitoringService(
            self.settings,
            self.driver,
            self.leg.path,
            store,
            accounts,
            on_death=self.deaths.append,
        )
        life = Life(service, store, accounts)

        def saw(notice: object) -> None:
            if isinstance(notice, MonitoringView):
                life.views.append(notice)

        service.listen(saw)
        await service.start()
        try:
            await eventually(lambda: service.current().leg_connected or self.leg.silent)
            yield life
        finally:
            await service.stop()
            await accounts.close()
            await store.close()
            assert self.deaths == []

    async def _people(self, accounts: Accounts) -> None:
        for name, agents in (("ann", ["agent-3"]), ("bob", [])):
            account = await accounts.get(name)
            if account is None:
                account = await accounts.create(
                    name, "Supervisor", PASSWORD, agent_ids={"fake": agents}
                )
            self.people[name] = account
        self.ann, self.bob = self.people["ann"], self.people["bob"]

    @property
    def handle(self) -> str:
        """The leg made last on the platform."""
        return self.driver.made[-1]

    @property
    def agreed(self) -> bool:
        """Whether the platform's audience is what the leg's gate says."""
        wanted = None
        if self.leg.call is not None and self.leg.call.gate is Gate.OPEN:
            wanted = self.leg.call.audience
        return self.driver.legs.get(self.handle) is wanted


@asynccontextmanager
async def world(directory: Path, **settings: object) -> AsyncIterator[World]:
    """A leg that listens and a platform with ten calls."""
    leg = FakeLeg(directory / "leg.sock")
    driver = FakeDriver.with_calls(call(number) for number in range(1, 11))
    await leg.start()
    try:
        yield World(directory, leg, driver, MonitoringSettings.model_validate(settings))
    finally:
        await leg.stop()


async def listening_again(w: World, life: Life, before: str) -> None:
    """Wait until another leg than *before* is heard, and is the only one."""
    await eventually(lambda: life.state is State.LISTENING and w.handle != before)
    await eventually(lambda: w.driver.legs == {w.handle: None})


async def ended(life: Life) -> tuple[EndReason, str]:
    """Wait for the session's end; why it ended, and in which words."""
    await eventually(lambda: life.state is State.IDLE)
    end = life.service.current().last_end
    assert end is not None
    return end.reason, end.detail
