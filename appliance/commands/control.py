"""``bargebox control``: platform, monitoring, page and API in one process."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from appliance.console.app import create_app
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts, LocalAccessError, tell_local
from appliance.console.platform_choice import PlatformChooser, choose
from appliance.console.platform_file import PlatformFile
from appliance.console.ports import Ports
from appliance.console.server import serve
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store
from appliance.monitoring.supervisor import MonitoringService
from appliance.panel.virtual_client import AsyncVirtualPanel
from appliance.platforms.drivers import make_driver
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.loading import InUse
from appliance.provisioning.certificates.names import box_names
from appliance.provisioning.system import make_system
from appliance.service import notify, runtime
from appliance.service.errors import BargeboxError
from appliance.service.journal import set_up_logging
from appliance.service.tasks import stop_tasks
from appliance.settings import Settings, SettingsError, keep_as_last_good, load_or_last_good

log = logging.getLogger(__name__)


def run(chosen: argparse.Namespace) -> int:
    """Run until SIGTERM. A call that is being monitored goes on for the next life."""
    set_up_logging("bargebox-control", chosen.log_level)
    load_or_last_good(chosen.settings)  # wrong settings end the process before anything starts

    async def main(stop: asyncio.Event) -> None:
        while await _live(chosen.settings, stop):
            log.info("the platform was changed on the page; beginning anew")

    return runtime.run(main)


async def _live(file: Path, stop: asyncio.Event) -> bool:
    """One life, from the settings to the end; whether another one shall follow."""
    settings, fault = await asyncio.to_thread(load_or_last_good, file)
    if fault is not None:
        log.error("%s The last good settings are used.", fault.detail, extra={"CODE": fault.code})
    over, renewed = asyncio.Event(), False

    def renew() -> None:
        nonlocal renewed
        renewed = True
        over.set()

    async def stopped() -> None:
        await stop.wait()
        over.set()

    stopping = asyncio.create_task(stopped(), name="control stop")
    try:
        await _serve(settings, over, file, fault, renew)
    finally:
        await stop_tasks(stopping)
    return renewed and not stop.is_set()


async def _serve(
    settings: Settings,
    over: asyncio.Event,
    file: Path,
    fault: SettingsError | None,
    renew: Callable[[], None],
) -> None:
    store = await asyncio.to_thread(_open_store, settings.box.database)
    accounts = BoxAccounts(store, FirstPassword(settings.box.first_password))
    kept = PlatformFile(settings.box.platform_file)
    chosen = await asyncio.to_thread(choose, kept, settings.platform)
    driver = await asyncio.to_thread(make_driver, chosen.settings)
    service = MonitoringService(
        settings.monitoring, driver, settings.box.leg_socket, store, accounts
    )
    choice = PlatformChooser(
        chosen, kept, driver, service, service.audit, make=make_driver, renew=renew
    )
    folder = CertificateFolder(settings.box.certificates)
    names = partial(box_names, (*settings.console.names, settings.console.host))
    certificates = CertificateKeeper(folder, service.audit, names, fixed=settings.console.tls_pair)
    authorities = Authorities(folder, service.audit)
    system = make_system(
        settings.box.system_bus,
        settings.network,
        settings.box.time_servers,
        service.audit,
        service,
    )
    panel = AsyncVirtualPanel(settings.box.panel_socket)
    app = create_app(
        Ports(
            accounts=accounts,
            manager=AccountManager(store, service.audit, accounts),
            roles=Roles(store, service.audit),
            book=service.book,
            monitoring=service,
            watches=service.watches,
            history=service.history,
            audit=service.audit,
            platform=driver,
            choice=choice,
            system=system,
            panel=panel if settings.panel.board == "virtual" else None,
            certificates=certificates,
            authorities=authorities,
        ),
        settings.console,
    )
    watchdog = notify.Watchdog()

    def ready(url: str) -> None:
        def tell(now: InUse) -> None:
            shown = now.facts.fingerprint if settings.console.secure else None
            tell_local(settings.box.local_access, url, accounts.local_token, shown)

        tell(certificates.now)
        certificates.start(partial(_tell_again, tell))
        if fault is None:
            _keep(file)
        watchdog.start()
        notify.ready(f"page at {url}")
        log.info("the page is at %s", url)

    try:
        await accounts.begin()
        await certificates.begin()
        await authorities.begin()
        await service.start()
        system.start()
        await serve(app, settings.console, over, ready=ready)
    finally:
        await watchdog.stop()
        await system.stop()
        await certificates.stop()
        await service.stop()
        panel.close()
        await accounts.close()
        await store.close()


async def _tell_again(tell: Callable[[InUse], None], now: InUse) -> None:
    """The command line pins the certificate, so it has to know of a new one."""
    try:
        await asyncio.to_thread(tell, now)
    except LocalAccessError as error:
        log.error("%s", error.detail, extra={"CODE": error.code})


def _open_store(path: Path) -> Store:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BargeboxError(
            f"The state directory {path.parent} cannot be made: {error.strerror}.", code="state"
        ) from error
    return Store(path)


def _keep(file: Path) -> None:
    try:
        keep_as_last_good(file)
    except OSError as error:
        log.warning("the settings could not be kept as the last good ones: %s", error)
