"""``bargebox control``: platform, monitoring, page and API in one process."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from appliance.commands.parts import make_parts
from appliance.commands.provisioning import provisioned
from appliance.console.local_access import LocalAccessError, tell_local
from appliance.console.server import serve
from appliance.provisioning.certificates.loading import InUse
from appliance.provisioning.chosen import ChosenFile
from appliance.provisioning.reset.carrying_out import begun_after, finish_reset
from appliance.provisioning.reset.marker import Ordered
from appliance.service import notify, runtime
from appliance.service.journal import set_up_logging
from appliance.service.tasks import stop_tasks
from appliance.settings import (
    BoxSettings,
    InForce,
    keep_as_last_good,
    last_good_of,
    load_in_force,
    load_or_last_good,
)

log = logging.getLogger(__name__)


def run(chosen: argparse.Namespace) -> int:
    """Run until SIGTERM. A call that is being monitored goes on for the next life."""
    set_up_logging("bargebox-control", chosen.log_level)
    load_or_last_good(chosen.settings)  # wrong settings end the process before anything starts

    async def main(stop: asyncio.Event) -> None:
        first = True
        while await _live(chosen.settings, stop, first):
            first = False
            log.info("beginning anew")

    return runtime.run(main)


async def _live(file: Path, stop: asyncio.Event, first: bool) -> bool:
    """One life, from the settings to the end, the *first* of this process or a later one; whether
    another one shall follow.
    """
    found = await asyncio.to_thread(load_in_force, file)
    reset = await _finish_reset(found.file.box, file)
    if reset is not None or await provisioned(found, file, first=first):
        found = await asyncio.to_thread(load_in_force, file)
    fault = found.fault
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
        await _serve(found, over, file, renew, first, reset)
    finally:
        await stop_tasks(stopping)
    return renewed and not stop.is_set()


async def _serve(
    found: InForce,
    over: asyncio.Event,
    file: Path,
    renew: Callable[[], None],
    first: bool,
    reset: Ordered | None,
) -> None:
    settings, fault = found.settings, found.fault
    parts = await make_parts(found, file, renew)
    if reset is not None:
        parts.monitoring.service.audit.note(begun_after(reset))
    watchdog = notify.Watchdog()

    def ready(url: str) -> None:
        def tell(now: InUse) -> None:
            shown = now.facts.fingerprint if settings.console.secure else None
            tell_local(settings.box.local_access, url, parts.monitoring.accounts.local_token, shown)

        tell(parts.box.certificates.now)
        parts.box.certificates.start(partial(_tell_again, tell))
        if fault is None:
            _keep(file)
        watchdog.start()
        notify.ready(f"page at {url}")
        log.info("the page is at %s", url)

    async with parts.running(first=first):
        try:
            await serve(parts.app, settings.console, over, ready=ready)
        finally:
            await watchdog.stop()


async def _finish_reset(box: BoxSettings, file: Path) -> Ordered | None:
    """What was chosen lies beside the settings file and not with the rest of what goes."""
    chosen = ChosenFile.beside(file).path
    kept = chosen, last_good_of(chosen)
    also = *kept, *(path.with_name(f"{path.name}.new") for path in kept)
    return await finish_reset(box.state_dir, box.time_servers, box.system_bus, also=also)


async def _tell_again(tell: Callable[[InUse], None], now: InUse) -> None:
    """The command line pins the certificate, so it has to know of a new one."""
    try:
        await asyncio.to_thread(tell, now)
    except LocalAccessError as error:
        log.error("%s", error.detail, extra={"CODE": error.code})


def _keep(file: Path) -> None:
    chosen = ChosenFile.beside(file).path
    try:
        keep_as_last_good(file)
        if chosen.exists():
            keep_as_last_good(chosen)
    except OSError as error:
        log.warning("the settings could not be kept as the last good ones: %s", error)
