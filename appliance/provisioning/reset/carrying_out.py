"""Carries a factory reset out, at the start of control, before anything is opened.

Each step may be done twice, and the marker goes last: after a power cut the next start begins
again, and people never see a box that is half of each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_seal import BOX
from appliance.provisioning.box.shipped import Shipped, ShippedFile
from appliance.provisioning.bus import BusError, ServiceAbsentError, SystemBus
from appliance.provisioning.reset.made import remains, remove
from appliance.provisioning.reset.marker import Marker, Ordered
from appliance.provisioning.reset.services import STEPS
from appliance.service.errors import BargeboxError
from appliance.service.files import settle

log = logging.getLogger(__name__)

SERVICES_LIMIT_S: Final = 6.0
"""What network, name and clock may take in all, within the watchdog's time; what does not answer
then is left as it is."""
AGAIN_S: Final = 1.0


async def finish_reset(
    state_dir: Path, time_servers: Path, bus: str, *, also: Sequence[Path] = ()
) -> Ordered | None:
    """Do what was ordered, if something was; what was. *bus* is the system bus's address, *also*
    goes though it lies elsewhere.

    Raises `BargeboxError` where the disk refuses: then nothing of the box may be opened.
    """
    marker = Marker(state_dir)
    ordered = await asyncio.to_thread(marker.read)
    if ordered is None:
        return None
    log.warning("factory reset: everything that was made on this box goes")
    shipped = await asyncio.to_thread(ShippedFile.beside(time_servers).read)
    await _reset_services(SystemBus(bus), shipped)
    await asyncio.to_thread(_remove_all, state_dir, also)
    await asyncio.to_thread(marker.remove)
    log.warning("factory reset: done")
    return ordered


def begun_after(ordered: Ordered) -> Entry:
    """The first row of the new audit log: where the former one ended, which an export of it has."""
    detail: dict[str, JsonValue] = {"former_rows": ordered.seq, "former_hash": ordered.hash}
    return Entry(BOX, "factory_reset_done", detail=detail)


async def _reset_services(bus: SystemBus, shipped: Shipped) -> None:
    """Network, name and clock, each for itself; a service that is away keeps nobody from it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SERVICES_LIMIT_S
    for name, step in STEPS.items():
        while True:
            try:
                async with asyncio.timeout_at(until), bus.talk() as talk:
                    await step(talk, shipped)
                break
            except ServiceAbsentError as error:
                log.info("factory reset: %s: %s", name, error.detail)
                break
            except (BusError, TimeoutError) as error:
                if loop.time() + AGAIN_S > until:
                    log.error("factory reset: %s stays as it is: %s", name, error)
                    break
                await asyncio.sleep(AGAIN_S)


def _remove_all(state_dir: Path, also: Sequence[Path]) -> None:
    try:
        for path in (*also, *remains(state_dir)):
            remove(path)
        for folder in {path.parent for path in also}:
            settle(folder)  # before the marker goes, which has a folder of its own
    except OSError as error:
        raise BargeboxError(
            f"The factory reset cannot remove {error.filename}: {error.strerror}.", code="state"
        ) from error
