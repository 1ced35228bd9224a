"""The parts of the control process: made from the settings, begun in order, stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from appliance.commands.services import (
    begin_first_start,
    make_provisioner,
    open_store,
    services_of,
)
from appliance.console.app import create_app
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.platform_choice import PlatformChooser, choose
from appliance.console.ports import Ports
from appliance.console.settings_desk import SettingsDesk
from appliance.console.wording import PLATFORMS
from appliance.control_link.states import LegChoice
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
from appliance.provisioning.first_start.evidence import Evidence, Witnesses
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.first_start.unattended import Unattended
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.checks.audit import audit_fault
from appliance.provisioning.health.checks.restarts import count_start
from appliance.provisioning.health.monitor import HealthMonitor
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.logs.position import PositionFile
from appliance.provisioning.logs.settings import LogForwardingFile
from appliance.provisioning.openid.file import OpenIdFile
from appliance.provisioning.platform_file import PlatformFile
from appliance.provisioning.reset.marker import Marker
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.report import KEPT
from appliance.provisioning.support.bundle import Sources, SupportBundle
from appliance.provisioning.system import System, make_system
from appliance.service.jobs import Jobs
from appliance.settings import InForce, Settings, SettingsError


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
    first_start: FirstStart
    logs: LogForwarder
    provisioner: Provisioner
    site: SettingsDesk
    jobs: Jobs

    @asynccontextmanager
    async def running(self, *, first: bool) -> AsyncIterator[None]:
        """All of it, in the *first* life of the process or a later one. Raises `BargeboxError`.

        Each part is stopped, whatever became of the one before.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.accounts.close)
            stack.callback(self.panel.close)
            stack.push_async_callback(self.logs.stop)
            stack.push_async_callback(self.service.stop)
            stack.push_async_callback(self.certificates.stop)
            stack.push_async_callback(self.system.stop)
            stack.push_async_callback(self.health.stop)
            stack.push_async_callback(self.jobs.finish, 0.0)
            await self.accounts.begin()
            await begin_first_start(self.first_start, self.accounts)
            await self.certificates.begin()
            await self.authorities.begin()
            await self.openid.begin()
            if first:
                await count_start(self.store)
            await self.service.start()
            await self.logs.begin()
            self.health.start()
            self.system.start()
            self.jobs.spawn(self.provisioner.go_on(), "provisioning")
            self.jobs.spawn(self.provisioner.watch(self.site.begin_anew), "sticks")
            yield


async def make_parts(found: InForce, file: Path, renew: Callable[[], None]) -> Parts:
    """Make them, for the settings *found* for the settings *file*; *renew* begins a new life."""
    settings, fault = found.settings, found.fault
    box = settings.box
    store = await asyncio.to_thread(open_store, box.database)
    accounts = BoxAccounts(store, FirstPassword(box.first_password))
    kept = PlatformFile(box.platform_file)
    chosen = await asyncio.to_thread(choose, kept, settings.platform)
    driver = await asyncio.to_thread(make_driver, chosen.settings)
    leg = LegChoice(
        board=settings.panel.board,
        headset=settings.audio.headset,
        push_to_talk=settings.panel.push_to_talk,
    )
    service = MonitoringService(
        settings.monitoring, driver, box.leg_socket, store, accounts, leg_choice=leg
    )
    audit = service.audit
    choice = PlatformChooser(chosen, kept, driver, service, audit, make=make_driver, renew=renew)
    folder = CertificateFolder(box.certificates)
    system = make_system(
        box.system_bus, settings.network, box.time_servers, audit, service, settings.updates
    )
    more = (*settings.console.names, settings.console.host)
    names = partial(box_names, more, lambda: system.names.now)
    certificates = CertificateKeeper(folder, audit, names, fixed=settings.console.tls_pair)
    authorities = Authorities(folder, audit)
    openid = OpenIdSignIn(OpenIdFile(box.openid_file), OpenIdAccounts(store, audit), audit)
    panel = AsyncVirtualPanel(box.panel_socket)
    ends_s = certificates.expires_s if settings.console.secure else lambda: None
    first_start = FirstStart(store, audit)
    logs = LogForwarder(
        LogForwardingFile(box.log_forwarding),
        PositionFile(box.log_position),
        audit,
        lambda: system.names.now,
    )
    looked_at = _box(settings, fault, store, accounts, service, choice, ends_s, first_start, logs)
    health = HealthMonitor(looked_at, audit)
    services = services_of(
        found, file, accounts, audit, system, certificates, authorities, store,
        check_platform=lambda: choice.check(choice.now.settings),
    )  # fmt: skip
    evidence = _evidence(settings, accounts, service, choice, system, certificates)
    unattended = Unattended(first_start, evidence)
    provisioner = make_provisioner(services, box, accounts, first_start, unattended)
    site = SettingsDesk(services, provisioner, service, box.provisioning / KEPT, renew=renew)
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
        site=site,
        support=_support(settings, accounts, openid, service, choice, health),
        checks=service.checks,
        first_start=Guide(first_start, evidence),
        logs=logs,
        reset=FactoryReset(Marker(box.state_dir), audit, service, system.names, renew=renew),
    )
    app = create_app(ports, settings.console)
    return Parts(
        app,
        store,
        accounts,
        panel,
        service,
        certificates,
        authorities,
        openid,
        system,
        health,
        first_start,
        logs,
        provisioner,
        site,
        Jobs(),
    )


def _evidence(
    settings: Settings,
    accounts: BoxAccounts,
    service: MonitoringService,
    choice: PlatformChooser,
    system: System,
    certificates: CertificateKeeper,
) -> Evidence:
    """Whom the first start asks whether a step is done."""
    return Evidence(
        Witnesses(
            system=system,
            certificates=certificates,
            secure=settings.console.secure,
            platform=lambda: PLATFORMS[choice.now.settings.driver][0],
            test_platform=lambda: choice.check(choice.now.settings),
            connection=lambda: service.book.connection,
            device=service.device,
            checked=lambda: service.checks.now,
            accounts=accounts,
        )
    )


def _box(
    settings: Settings,
    fault: SettingsError | None,
    store: Store,
    accounts: BoxAccounts,
    service: MonitoringService,
    choice: PlatformChooser,
    certificate_ends_s: Callable[[], float | None],
    first_start: FirstStart,
    logs: LogForwarder,
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
        first_start_unfinished=lambda: first_start.now.unfinished,
        certificate_ends_s=certificate_ends_s,
        audit_fault=partial(audit_fault, service.audit),
        logs=lambda: logs.state,
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
