"""A small world for the page: the real book of interactions and history, all of it in memory."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import cast
from uuid import uuid4

from fastapi import FastAPI
from pydantic import SecretStr

from appliance.console.app import create_app
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.ports import Ports
from appliance.console.settings import ConsoleSettings
from appliance.control_link.words import Button
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit
from appliance.monitoring.history import History, SessionRecord
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.openid_accounts import OpenIdAccounts
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
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.names import BoxNames
from appliance.provisioning.first_start import rows
from appliance.provisioning.first_start.evidence import Evidence, Witnesses
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.logs.position import PositionFile
from appliance.provisioning.logs.settings import LogForwardingFile
from appliance.provisioning.neighbours import Log
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.openid.file import OpenIdFile
from appliance.provisioning.reset.marker import Marker
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.system import System, make_system
from appliance.provisioning.updates.settings import UpdateSettings
from tests.support.console_calls import PLATFORM, call_number
from tests.support.console_checks import MemoryChecks, NotedSteps
from tests.support.console_health import MemoryHealth, MemorySupport
from tests.support.console_memory import (
    MemoryAccounts,
    MemoryAudit,
    MemoryWatches,
    past_of_two,
)
from tests.support.console_monitoring import FakePlatform, MemoryMonitoring
from tests.support.console_platform import MemoryChooser, MemoryPlatformFile
from tests.support.console_site import MemoryDesk
from tests.support.memory_store import MemoryStore
from tests.support.past_sessions import write_past

NOWHERE = Path("/nowhere")
TOKEN = "the-token-in-the-settings-file"
"""Of the sandbox that the settings file names."""
FOLDERS = Path(tempfile.mkdtemp(prefix="bargebox-worlds-"))
atexit.register(shutil.rmtree, FOLDERS, ignore_errors=True)
NAMES = BoxNames(("box", "box.local", "localhost"), (ip_address("127.0.0.1"),))


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
    watches: MemoryWatches
    database: MemoryStore
    audit: MemoryAudit
    platform: FakePlatform
    choice: MemoryChooser
    system: System
    panel: FingerPanel
    health: MemoryHealth
    support: MemorySupport
    disk: Store = field(default_factory=NoDisk)
    """What is managed of accounts is on it; `accounts_world` has a real one."""
    tls: Path = field(default_factory=lambda: FOLDERS / str(uuid4()))
    """Of its certificates; made when they begin."""
    state: Path = FOLDERS
    """Where a factory reset is ordered."""

    def __post_init__(self) -> None:
        self.first_start = FirstStart(self.database, NotedSteps(self.database, self.audit))
        self.checks = MemoryChecks(self.monitoring)
        self.folder = CertificateFolder(self.tls)
        self.authorities = Authorities(self.folder, self.audit)
        self.certificates = self.keeper()
        self.renewed = 0
        """How often a new life was asked for."""
        self.reset = FactoryReset(
            Marker(self.state), self.audit, self.monitoring, self.system.names, renew=self.renew
        )

        own = FOLDERS / str(uuid4())
        own.mkdir()
        self.logs = LogForwarder(
            LogForwardingFile(own / "log-forwarding.json"),
            PositionFile(own / "log-forwarding.position"),
            self.audit,
            journal=False,
        )
        self.site = self.desk(self.disk, self.audit)

    def renew(self) -> None:
        """A new life would begin now."""
        self.renewed += 1

    def desk(self, store: Store, audit: Log) -> MemoryDesk:
        """Of the box's settings, with its accounts in *store*."""
        return MemoryDesk(
            self.tls.with_name(f"{self.tls.name}-site"),
            self.system,
            self.certificates,
            self.authorities,
            store,
            audit,
            self.monitoring,
            self.openid_file,
        )

    @property
    def openid_file(self) -> OpenIdFile:
        """Of the sign-in at a provider."""
        return OpenIdFile(self.tls / "openid-secret.json")

    def keeper(self, fixed: tuple[Path, Path] | None = None) -> CertificateKeeper:
        """Of the certificates; still to begin."""
        return CertificateKeeper(self.folder, self.audit, lambda: NAMES, fixed=fixed)

    def openid(self, store: Store) -> OpenIdSignIn:
        """The sign-in at a provider, for people on *store*; nothing is set."""
        audit = Audit(store)
        return OpenIdSignIn(self.openid_file, OpenIdAccounts(store, audit), audit)

    def ports(self) -> Ports:
        """As `create_app` takes it."""
        return Ports(
            accounts=self.accounts,
            manager=AccountManager(self.disk, Audit(self.disk), Accounts(self.disk)),
            roles=Roles(self.disk, Audit(self.disk)),
            book=self.book,
            monitoring=self.monitoring,
            watches=self.watches,
            history=History(self.database),
            audit=self.audit,
            platform=self.platform,
            choice=self.choice,
            system=self.system,
            panel=self.panel,
            certificates=self.certificates,
            authorities=self.authorities,
            openid=self.openid(self.disk),
            health=self.health,
            site=self.site,
            support=self.support,
            checks=self.checks,
            first_start=self.guide(),
            reset=self.reset,
            logs=self.logs,
        )

    def guide(self) -> Guide:
        """The first start, with this world for its witnesses."""
        return Guide(self.first_start, Evidence(self.witnesses()))

    def witnesses(self) -> Witnesses:
        """Whom it asks."""
        return Witnesses(
            system=self.system,
            certificates=self.certificates,
            secure=False,
            platform=lambda: "Sandbox",
            test_platform=self.platform.check,
            connection=lambda: self.book.connection,
            device=self.monitoring.device,
            checked=lambda: self.checks.now,
            accounts=cast(Accounts, self.accounts),
        )

    def begin_first_start(self) -> None:
        """As on a fresh box; before any loop runs."""
        self.database.write_now(rows.begin)
        self.first_start.now = self.database.write_now(rows.read)

    def change(self, interaction: Interaction) -> None:
        """The platform reports an interaction."""
        self.book.take(InteractionChanged(interaction))

    def remember(self, records: Iterable[SessionRecord]) -> None:
        """History has these sessions as well."""
        self.database.write_now(lambda database: write_past(database, records))

    def app(self, **settings: object) -> FastAPI:
        """A new app on this world; it goes by the name ``box``."""
        settings = {"port": 0, "names": ["box"], **settings}
        made = ConsoleSettings.model_validate(settings)
        if made.tls_pair is not None:
            self.certificates = self.keeper(made.tls_pair)
        return create_app(self.ports(), made)


def make_world(calls: int = 12, bus: str = "", folder: Path = NOWHERE) -> World:
    """A tenant with so many calls, and four accounts; no system bus but the one that is given."""
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
    database = MemoryStore()
    database.write_now(lambda database: write_past(database, past_of_two()))
    updates = UpdateSettings(folder=folder / "updates", sticks=folder / "sticks")
    system = make_system(
        bus, NetworkSettings(), folder / "time-servers", audit, monitoring, updates
    )
    return World(
        accounts,
        book,
        monitoring,
        MemoryWatches(),
        database,
        audit,
        platform,
        choice,
        system,
        FingerPanel(),
        MemoryHealth(),
        MemorySupport(),
    )
