"""The parts of the control process: made from the settings, begun in order, stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from appliance.console.app import create_app
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.console.openid.file import OpenIdFile
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.platform_choice import PlatformChooser, choose
from appliance.console.platform_file import PlatformFile
from appliance.console.ports import Ports
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.openid_accounts import OpenIdAccounts
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store
from appliance.monitoring.supervisor import MonitoringService
from appliance.panel.virtual_client import AsyncVirtualPanel
from appliance.platforms.drivers import make_driver
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.names import box_names
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.checks.audit import audit_fault
from appliance.provisioning.health.checks.restarts import count_start
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.support.bundle import Sources, SupportBundle
from appliance.provisioning.system import System, make_system
from appliance.service.errors import BargeboxError
from appliance.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Parts:
    """One life of control: what has a beginning and an end, and the app before it."""

    app: FastAPI
    store: Store
    accounts: BoxAccounts
    panel: AsyncVirtualPanel
    service: MonitoringService
    certificates: CertificateKeeper
    authorities: Authorities
    openid: OpenIdSignIn
    system: System
    health: HealthMonitor

    @asynccontextmanager
    async def running(self, *, first: bool) -> AsyncIterator[None]:
        """All of it, in the *first* life of the process or a later one. Raises `BargeboxError`.

        Each part is stopped, whatever became of the one before.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.accounts.close)
            stack.callback(self.panel.close)
            stack.push_async_callback(self.service.stop)
            stack.push_async_callback(self.certificates.stop)
            stack.push_async_callback(self.system.stop)
            stack.push_async_callback(self.health.stop)
            await self.accounts.begin()
            await self.certificates.begin()
            await self.authorities.begin()
            await self.openid.begin()
            if first:
                await count_start(self.store)
            await self.service.start()
            self.health.start()
            self.system.start()
            yield


async def make_parts(
    settings: Settings, fault: SettingsError | None, renew: Callable[[], None]
) -> Parts:
    """Make them; *renew* begins a new life, *fault* is why the last good settings are used."""
    box = settings.box
    store = await asyncio.to_thread(_open_store, box.database)
    accounts = BoxAccounts(store, FirstPassword(box.first_password))
    kept = PlatformFile(box.platform_file)
    chosen = await asyncio.to_thread(choose, kept, settings.platform)
    driver = await asyncio.to_thread(make_driver, chosen.settings)
    service = MonitoringService(settings.monitoring, driver, box.leg_socket, store, accounts)
    audit = service.audit
    choice = PlatformChooser(chosen, kept, driver, service, audit, make=make_driver, renew=renew)
    folder = CertificateFolder(box.certificates)
    system = make_system(box.system_bus, settings.network, box.time_servers, audit, service)
    more = (*settings.console.names, settings.console.host)
    names = partial(box_names, more, lambda: system.names.now)
    certificates = CertificateKeeper(folder, audit, names, fixed=settings.console.tls_pair)
    authorities = Authorities(folder, audit)
    openid = OpenIdSignIn(OpenIdFile(box.openid_file), OpenIdAccounts(store, audit), audit)
    panel = AsyncVirtualPanel(box.panel_socket)
    ends_s = certificates.expires_s if settings.console.secure else lambda: None
    looked_at = _box(settings, fault, store, accounts, service, choice, ends_s)
    health = HealthMonitor(looked_at, audit)
    ports = Ports(
        accounts=accounts,
        manager=AccountManager(store, audit, accounts),
        roles=Roles(store, audit),
        book=service.book,
        monitoring=service,
        watches=service.watches,
        history=service.history,
        audit=audit,
        platform=driver,
        choice=choice,
        system=system,
        panel=panel if settings.panel.board == "virtual" else None,
        certificates=certificates,
        authorities=authorities,
        openid=openid,
        health=health,
        support=_support(settings, accounts, openid, service, choice, health),
    )
    app = create_app(ports, settings.console)
    return Parts(
        app, store, accounts, panel, service, certificates, authorities, openid, system, health
    )


def _box(
    settings: Settings,
    fault: SettingsError | None,
    store: Store,
    accounts: BoxAccounts,
    service: MonitoringService,
    choice: PlatformChooser,
    certificate_ends_s: Callable[[], float | None],
) -> Box:
    """What the checks of the box's health look at."""
    return Box(
        database=settings.box.database,
        store=store,
        device=service.device,
        connection=lambda: service.book.connection,
        settings_fault="" if fault is None else fault.detail,
        platform_fault=lambda: choice.now.fault,
        forget_platform=choice.go_back,
        first_password_unchanged=accounts.first_password_unchanged,
        certificate_ends_s=certificate_ends_s,
        audit_fault=partial(audit_fault, service.audit),
    )


def _support(
    settings: Settings,
    accounts: BoxAccounts,
    openid: OpenIdSignIn,
    service: MonitoringService,
    choice: PlatformChooser,
    health: HealthMonitor,
) -> SupportBundle:
    """What the support bundle is made of, and all secrets that could be in it."""
    pair = settings.console.tls_pair
    return SupportBundle(
        Sources(
            settings=settings,
            platform=lambda: choice.now.settings,
            secrets=lambda: [accounts.local_token, *openid.secrets()],
            folders=(settings.box.state_dir, *([] if pair is None else [pair[1].parent])),
            device=service.device,
            connection=lambda: service.book.connection,
            health=health,
            audit=service.audit,
        )
    )


def _open_store(path: Path) -> Store:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BargeboxError(
            f"The state directory {path.parent} cannot be made: {error.strerror}.", code="state"
        ) from error
    return Store(path)
