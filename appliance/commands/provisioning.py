"""Before each life of control: go on with a plan, or take up a document that is found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from appliance.commands.box_parts import make_box_parts
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
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.services import Services
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
    box = found.file.box
    store = await asyncio.to_thread(open_store, box.database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        accounts = BoxAccounts(store, FirstPassword(box.first_password))
        stack.push_async_callback(accounts.close)
        audit = Audit(store)
        stack.push_async_callback(audit.stop)
        parts = make_box_parts(found.file, store, audit, _Nobody())
        stack.push_async_callback(parts.system.stop)
        await accounts.begin()
        await begin_first_start(parts.first_start, accounts)  # before there is a second account
        await parts.system.names.start()
        await parts.certificates.begin()
        await parts.authorities.begin()
        services = services_of(found, file, store, accounts, audit, parts)
        yield make_provisioner(services, box, accounts, parts.first_start), services


class _Nobody:
    """No call is monitored while control does not serve."""

    async def close(self) -> Callable[[], None]:
        return lambda: None
