"""A small world for the page: the real book of interactions, everything else in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from appliance.console.app import create_app
from appliance.console.ports import Ports
from appliance.console.settings import ConsoleSettings
from appliance.control_link.words import Button
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store, StoreError, T, Work
from appliance.platforms.protocol import (
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    PlatformConnection,
)
from appliance.platforms.sandbox.settings import SandboxSettings
from appliance.platforms.settings import PlatformSettings
from tests.support.console_calls import PLATFORM, call_number
from tests.support.console_memory import MemoryAccounts, MemoryAudit, MemoryHistory
from tests.support.console_monitoring import FakePlatform, MemoryMonitoring
from tests.support.console_platform import MemoryChooser, MemoryPlatformFile

TOKEN = "the-token-in-the-settings-file"
"""Of the sandbox that the settings file names."""


@dataclass
class FingerPanel:
    """Remembers what was pressed."""

    presses: list[tuple[Button, bool]] = field(default_factory=list)

    async def press(self, button: Button, down: bool) -> None:
        self.presses.append((button, down))


class NoDisk(Store):
    """A disk that has failed."""

    def __init__(self) -> None:
        """Nothing to open."""
        self.path = Path("/nowhere/box.sqlite3")

    async def write(self, work: Work[T], *, committed: Callable[[], None] | None = None) -> T:
        raise StoreError("The box's disk has a fault. Replace the card.")

    async def read(self, work: Work[T]) -> T:
        raise StoreError("The box's disk has a fault. Replace the card.")


@dataclass
class World:
    """Everything behind the page. *sam* and *sue* are supervisors, *tom* a technician."""

    accounts: MemoryAccounts
    book: InteractionBook
    monitoring: MemoryMonitoring
    history: MemoryHistory
    audit: MemoryAudit
    platform: FakePlatform
    choice: MemoryChooser
    panel: FingerPanel
    disk: Store = field(default_factory=NoDisk)
    """What is managed of accounts is on it; `accounts_world` has a real one."""

    def ports(self) -> Ports:
        """As `create_app` takes it."""
        return Ports(
            accounts=self.accounts,
            manager=AccountManager(self.disk, Audit(self.disk), Accounts(self.disk)),
            roles=Roles(self.disk, Audit(self.disk)),
            book=self.book,
            monitoring=self.monitoring,
            history=self.history,
            audit=self.audit,
            platform=self.platform,
            choice=self.choice,
            panel=self.panel,
        )

    def change(self, interaction: Interaction) -> None:
        """The platform reports an interaction."""
        self.book.take(InteractionChanged(interaction))

    def app(self, **settings: object) -> FastAPI:
        """A new app on this world; it goes by the name ``box``."""
        settings = {"port": 0, "names": ["box"], **settings}
        return create_app(self.ports(), ConsoleSettings.model_validate(settings))


def make_world(calls: int = 12) -> World:
    """A tenant with so many calls, and four accounts."""
    accounts = MemoryAccounts()
    accounts.add("admin", "Administrator")
    accounts.add("sam", "Supervisor")
    accounts.add("sue", "Supervisor")
    accounts.add("tom", "Technician")
    accounts.add("new", "Supervisor", must_change=True)
    book = InteractionBook(PLATFORM)
    book.take(PlatformConnection(connected=True))
    book.take(InteractionsSnapshot(tuple(call_number(n) for n in range(calls))))
    platform = FakePlatform()
    monitoring = MemoryMonitoring(book, platform)
    audit = MemoryAudit()
    sandbox = SandboxSettings(token=SecretStr(TOKEN))
    choice = MemoryChooser(
        MemoryPlatformFile(), platform, monitoring, audit, PlatformSettings(sandbox=sandbox)
    )
    return World(
        accounts, book, monitoring, MemoryHistory(), audit, platform, choice, FingerPanel()
    )
