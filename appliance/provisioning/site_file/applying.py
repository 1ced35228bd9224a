"""From a text to a box that is so: checked whole, planned, applied part by part, reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.parts_away import LogServer, OpenIdPart
from appliance.provisioning.site_file.parts_box import BoxName, BoxTime
from appliance.provisioning.site_file.parts_network import SiteNetwork
from appliance.provisioning.site_file.parts_trust import PageCertificate, SiteAuthorities
from appliance.provisioning.site_file.parts_use import CallPlatform, SitePeople, SiteSettings
from appliance.provisioning.site_file.plan import (
    MOST_TRIES,
    PARTS,
    Outcome,
    PartName,
    Plan,
    PlanFile,
)
from appliance.provisioning.site_file.reading import GivenFile, places, read_data, read_text
from appliance.provisioning.site_file.services import Faults, Part, Services
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

WORKS: Final[Mapping[PartName, Part]] = {
    "box": BoxName(),
    "time": BoxTime(),
    "authorities": SiteAuthorities(),
    "certificate": PageCertificate(),
    "platform": CallPlatform(),
    "settings": SiteSettings(),
    "accounts": SitePeople(),
    "openid": OpenIdPart(),
    "logs": LogServer(),
    "network": SiteNetwork(),
}
LAST: Final[PartName] = "network"
"""It may take a minute, and nobody could be told of it before the page is there."""

SEALED = "Its secrets are sealed; import it on the page, with the passphrase."


async def checked(box: Services, text: str, folder: Path | None = None) -> GivenFile:
    """Read *text* and check all of it against the box; nothing is changed. Raises
    `SiteFileError`.
    """
    given = await asyncio.to_thread(read_text, text, folder)
    faults = await faults_of(box, given.document)
    if faults:
        raise await asyncio.to_thread(places, text, faults)
    return given


async def faults_of(box: Services, document: SiteFile) -> Faults:
    """What is wrong with a document on this box, by the names of the values."""
    found: Faults = {} if document.sealed is None else {"sealed": SEALED}
    for name in parts_of(document):
        found |= await WORKS[name].check(box, document)
    return found


def parts_of(document: SiteFile) -> list[PartName]:
    """The parts that it has, in the order in which they are applied."""
    return [name for name in PARTS if WORKS[name].concerns(document)]


class Applier:
    """Carries out the plan in *file*."""

    def __init__(self, box: Services, file: PlanFile) -> None:
        self._box, self._file = box, file

    async def begin(self, plan: Plan) -> None:
        """Keep *plan*: from here on the box ends in the new state. On record first.

        Raises `AuditUnwritableError`, `PlanError`.
        """
        document = await asyncio.to_thread(read_data, plan.data)
        source = None if plan.source is None else plan.source.name
        detail: dict[str, JsonValue] = {"parts": [*parts_of(document)], "file": source}
        await self._box.audit.append(Entry(plan.who, "settings_imported", detail=detail))
        await asyncio.to_thread(self._file.write, plan)

    async def before_the_page(self, plan: Plan) -> None:
        """Every part but the network's. One that fails is tried again at the next start, a few
        times; the others are applied all the same. Raises `PlanError`.
        """
        plan.tries += 1
        await asyncio.to_thread(self._file.keep, plan)
        document = await asyncio.to_thread(read_data, plan.data)
        for name in parts_of(document):
            if name != LAST and name not in plan.done:
                await self._apply(plan, document, name)

    async def with_the_page(self, plan: Plan) -> None:
        """The network's part. Raises `PlanError`."""
        document = await asyncio.to_thread(read_data, plan.data)
        if LAST in parts_of(document) and LAST not in plan.done:
            await self._apply(plan, document, LAST)

    async def _apply(self, plan: Plan, document: SiteFile, name: PartName) -> None:
        try:
            outcome = await WORKS[name].apply(self._box, plan.who, document)
        except BargeboxError as error:
            log.error("%s was not applied: %s", name, error.detail, extra={"CODE": error.code})
            if plan.tries < MOST_TRIES:
                return
            outcome = Outcome(part=name, good=False, words=f"Not applied. {error.detail}")
        plan.finish(name, outcome)
        await asyncio.to_thread(self._file.keep, plan)

    @staticmethod
    def left(plan: Plan) -> list[PartName]:
        """The parts that are still to be applied; waits for nothing."""
        return [name for name in parts_of(read_data(plan.data)) if name not in plan.done]
