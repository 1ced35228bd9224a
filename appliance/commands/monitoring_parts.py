"""Who may listen, and to what: accounts, call platform and monitoring, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from appliance.commands.services import open_store
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.console.openid.file import OpenIdFile
from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.platform_choice import PlatformChooser, choose
from appliance.control_link.states import LegChoice
from appliance.monitoring.openid_accounts import OpenIdAccounts
from appliance.monitoring.store import Store
from appliance.monitoring.supervisor import MonitoringService
from appliance.platforms.drivers import make_driver
from appliance.platforms.protocol import Driver
from appliance.provisioning.platform_file import PlatformFile
from appliance.settings import Settings


@dataclass(frozen=True, slots=True)
class MonitoringParts:
    """Made, and not begun."""

    store: Store
    accounts: BoxAccounts
    openid: OpenIdSignIn
    driver: Driver
    service: MonitoringService
    choice: PlatformChooser


async def make_monitoring_parts(settings: Settings, renew: Callable[[], None]) -> MonitoringParts:
    """With the platform that is in force; *renew* begins a new life. Raises `BargeboxError`."""
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
    return MonitoringParts(
        store=store,
        accounts=accounts,
        openid=OpenIdSignIn(OpenIdFile(box.openid_file), OpenIdAccounts(store, audit), audit),
        driver=driver,
        service=service,
        choice=PlatformChooser(chosen, kept, driver, service, audit, make=make_driver, renew=renew),
    )
