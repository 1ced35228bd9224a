"""Before each life of control: go on with a plan, or take up a document that is found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from appliance.commands.services import (
    begin_first_start,
    make_provisioner,
    open_store,
    places_of,
    services_of,
)
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.monitoring.audit import Audit
from appliance.monitoring.history import History
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.folder import CertificateFolder
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.certificates.names import box_names
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.services import Services
from appliance.provisioning.system import make_system
from appliance.service.errors import BargeboxError
from appliance.settings import InForce

log = logging.getLogger(__name__)


async def provisioned(found: InForce, file: Path, *, first: bool = True) -> bool:
    """Whether settings were applied, for the box with those *found* for the settings *file*.

    A call that a former process left running is not kept waiting: then it is done later. In a life
    that is not the *first* of its process there is none, for control begins anew in idle only.
    A fault of all this keeps nobody from the page.
    """
    if not await asyncio.to_thread(_is_called_for, found):
        return False
    try:
        if first and await _in_a_call(found.file.box.database):
            log.warning("a call may go on; the document of settings waits for the next start")
            return False
        async with offline(found, file) as (provisioner, _):
            return await provisioner.before_the_page()
    except BargeboxError as error:
        log.error("no document of settings is taken up: %s", error.detail)
        return False


def _is_called_for(found: InForce) -> bool:
    return places_of(found.file.box).something_new()


async def _in_a_call(database: Path) -> bool:
    store = await asyncio.to_thread(open_store, database)
    try:
        # Not by the legs on record: one on a platform that is away, or used no more, stays there.
        return bool(await History(store).running())
    finally:
        await store.close()


@asynccontextmanager
async def offline(found: InForce, file: Path) -> AsyncIterator[tuple[Provisioner, Services]]:
    """The box's services, while control does not serve. Raises `BargeboxError`."""
    settings = found.file
    box = settings.box
    store = await asyncio.to_thread(open_store, box.database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        accounts = BoxAccounts(store, FirstPassword(box.first_password))
        stack.push_async_callback(accounts.close)
        audit = Audit(store)
        stack.push_async_callback(audit.stop)
        system = make_system(
            box.system_bus,
            settings.network,
            box.time_servers,
            audit,
            _Nobody(),
            settings.updates,
        )
        stack.push_async_callback(system.stop)
        folder = CertificateFolder(box.certificates)
        names = partial(
            box_names,
            (*settings.console.names, settings.console.host),
            lambda: system.names.now,
        )
        keeper = CertificateKeeper(folder, audit, names, fixed=settings.console.tls_pair)
        authorities = Authorities(folder, audit)
        await accounts.begin()
        first_start = FirstStart(store, audit)
        await begin_first_start(first_start, accounts)  # before there is a second account
        await system.names.start()
        await keeper.begin()
        await authorities.begin()
        services = services_of(found, file, accounts, audit, system, keeper, authorities, store)
        yield make_provisioner(services, box, accounts, first_start), services


class _Nobody:
    """No call is monitored while control does not serve."""

    async def close(self) -> Callable[[], None]:
        return lambda: None
