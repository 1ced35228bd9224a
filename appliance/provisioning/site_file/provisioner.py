"""Takes up a document: found at a start, given at the box, or imported on the page.

All ways are one: it is checked whole, becomes a plan, and each start goes on with that until it is
done. Nobody sees the box half-way: all but the network is applied before the page is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, Final
from uuid import uuid4

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.first_start.steps import State
from appliance.provisioning.first_start.unattended import Unattended
from appliance.provisioning.site_file import clearing, report
from appliance.provisioning.site_file.applying import Applier, checked
from appliance.provisioning.site_file.erasing import secret_places
from appliance.provisioning.site_file.errors import Fault, SiteFileError
from appliance.provisioning.site_file.places import Places
from appliance.provisioning.site_file.plan import Outcome, Plan, PlanError
from appliance.provisioning.site_file.reading import (
    MAX_BYTES,
    GivenFile,
    decoded,
    read_data,
    read_plain,
)
from appliance.provisioning.site_file.services import Services
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

BOX: Final = "bargebox"
"""In whose name a file that was found is applied."""

LOOK_EVERY_S: Final = 5.0
IN_SERVICE: Final = (
    "This box is in service: a USB stick is taken up only until the administrator has a password. "
    "Import the file on the page Export and import, or give it at the box to “bargebox provision”."
)


class Provisioner:
    """For the box *box*; *in_service* says whether its administrator has a password. *first_start*
    is there once control serves.
    """

    _begun_for: ClassVar[set[tuple[Path, float]]] = set()
    """What this process began anew for: once for each, also where the disk keeps no word of it."""

    def __init__(
        self,
        box: Services,
        places: Places,
        *,
        in_service: Callable[[], Awaitable[bool]],
        first_start: Unattended | None = None,
    ) -> None:
        self._box, self._places, self._in_service = box, places, in_service
        self._first_start = first_start
        self._applier = Applier(box, places.plan)

    async def before_the_page(self) -> bool:
        """Go on with a plan, or take up a document that is found; whether there was one.

        Raises `PlanError`, `StoreError`.
        """
        await asyncio.to_thread(self._places.begin)
        plan = await self._plan() or await self._take_up()
        if plan is None:
            return False
        await self._applier.before_the_page(plan)
        await asyncio.to_thread(self.erase, plan)
        await self._report(plan, [])
        return True

    async def with_the_page(self) -> None:
        """The network's part, a look at the platform and the first start, and the report."""
        plan = await self._plan()
        if plan is None:
            return
        await self._applier.with_the_page(plan)
        left = await asyncio.to_thread(self._applier.left, plan)
        more = [] if left else await self._looked_at(plan)
        await self._report(plan, more)
        if left:
            return
        # Before the plan goes, so that a power cut does not leave a box half in service.
        more += await self._first_start_of(plan)
        await self._report(plan, more)
        await asyncio.to_thread(self.erase, plan)
        await asyncio.to_thread(self._places.plan.delete, plan)
        good = all(one.good for one in plan.done.values())
        detail: dict[str, JsonValue] = {one.part: one.words for one in (*plan.done.values(), *more)}
        action = "settings_applied" if good else "settings_applied_in_part"
        self._box.audit.note(Entry(plan.who, action, detail=detail))
        log.info("the document of settings is applied")
        if self._first_start is not None:
            await self._first_start.wait(plan.who, plan.steps, alone=plan.alone)

    async def go_on(self) -> None:
        """`with_the_page` as a job: what fails is tried again at the next start."""
        try:
            await self.with_the_page()
        except BargeboxError as error:
            log.error("the document of settings waits: %s", error.detail)

    async def watch(self, begin_anew: Callable[[], Awaitable[None]]) -> None:
        """Have a stick that is plugged in, or a plan that was made at the box, taken up by
        beginning anew, once no call is monitored. Ends with that, or is cancelled.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                planned = await asyncio.to_thread(self._places.planned_at_the_box)
                fresh = await asyncio.to_thread(self._places.unknown_on_sticks) - self._begun_for
                if planned or fresh:
                    await begin_anew()
                    self._begun_for.update(fresh)
                    return
            except BargeboxError as error:
                log.info("a document of settings waits: %s", error.detail)

    async def take(self, who: str, given: GivenFile, source: Path | None = None) -> Plan:
        """Plan to apply a document that was checked. Raises `PlanError`, `AuditUnwritableError`."""
        await asyncio.to_thread(self._places.begin)
        beside = {given.beside[where] for where in secret_places(given.document)
                  if where in given.beside}  # fmt: skip
        digest = ""
        if source is not None:
            text = await asyncio.to_thread(read_plain, source, MAX_BYTES)
            digest = await asyncio.to_thread(self._places.seen.digest, text or b"")
        plan = Plan(
            id=uuid4().hex,
            who=who,
            data=given.data,
            source=source,
            beside=tuple(sorted(beside)),
            digest=digest,
        )
        await self._applier.begin(plan)
        return plan

    def erase(self, plan: Plan) -> None:
        """The secrets leave the file, once all is safe in the plan. Waits for the disk.

        Raises `PlanError`.
        """
        clearing.erase(plan, self._places)

    # -- inside

    async def _plan(self) -> Plan | None:
        """The plan there is; one that cannot be used is told of, and is none."""
        try:
            plan = await asyncio.to_thread(self._places.plan.read)
            if plan is not None:
                await asyncio.to_thread(read_data, plan.data)
        except (PlanError, SiteFileError) as error:
            log.error("what was planned is not applied: %s", error.detail)
            return None
        return plan

    async def _take_up(self) -> Plan | None:
        """The first document found that is right and was not taken up before."""
        for path in await asyncio.to_thread(self._places.found):
            try:
                text = await asyncio.to_thread(read_plain, path, MAX_BYTES)
            except OSError as error:
                log.warning("%s cannot be read: %s", path, error.strerror)
                continue
            digest = await asyncio.to_thread(self._places.seen.digest, text or b"")
            how = await asyncio.to_thread(self._places.seen.knows, digest)
            if how == "applied":
                continue
            try:
                given = await self._checked(path, text)
            except SiteFileError as error:
                await self._refuse(path, error, digest, again=how == "refused")
                continue
            return await self.take(BOX, given, path)
        return None

    async def _checked(self, path: Path, text: bytes | None) -> GivenFile:
        if text is None:
            raise SiteFileError([Fault("file", f"It is larger than {MAX_BYTES} bytes.")])
        if not self._places.is_trusted(path) and await self._in_service():
            raise SiteFileError([Fault("file", IN_SERVICE)])
        return await checked(self._box, decoded(text), path.parent)

    async def _refuse(self, path: Path, error: SiteFileError, digest: str, *, again: bool) -> None:
        log.error("%s is refused: %s", path, error.detail, extra={"CODE": error.code})
        text = report.of_refusal(path.name, error, report.now())
        await asyncio.to_thread(_write, text, path.parent, self._places.own)
        if not again:
            detail: dict[str, JsonValue] = {
                "file": path.name,
                "wrong": [str(fault) for fault in error.faults],
            }
            self._box.audit.note(Entry(BOX, "settings_refused", detail=detail))
            await asyncio.to_thread(self._places.seen.add, {digest: "refused"})

    async def _looked_at(self, plan: Plan) -> list[Outcome]:
        """What the box finds of the platform, now that it is connected to it."""
        look = self._box.check_platform
        if look is None or "platform" not in plan.done:
            return []
        try:
            steps = await look()
        except BargeboxError as error:
            return [Outcome(part="connection", good=False, words=error.detail)]
        wrong = [step.detail for step in steps if not step.passed]
        words = wrong[0] if wrong else "The call platform answers, and lets the box in."
        return [Outcome(part="connection", good=not wrong, words=words)]

    async def _first_start_of(self, plan: Plan) -> list[Outcome]:
        """How far the first start has come with it; nothing on a box that was in service."""
        if self._first_start is None:
            return []
        now = await self._first_start.look(plan.who, plan.steps, alone=plan.alone)
        faults = self._first_start.faults
        words = " ".join(f"{step}: {fault}" for step, fault in faults.items())
        if now.unfinished:
            words = words or "It goes on on the page."
        elif now.steps:
            aside = [one.step for one in now.steps if one.state is State.ASIDE]
            words = f"The box is in service. Set aside: {', '.join(aside) or 'nothing'}."
        return [Outcome(part="first start", good=not faults, words=words)] if words else []

    async def _report(self, plan: Plan, more: list[Outcome]) -> None:
        left = await asyncio.to_thread(self._applier.left, plan)
        text = report.of_plan(plan, left, more, report.now())
        beside = [] if plan.source is None else [plan.source.parent]
        await asyncio.to_thread(_write, text, *beside, self._places.own)


def _write(text: str, *folders: Path) -> None:
    try:
        report.write(text, *folders)
    except OSError as error:
        log.warning("the report cannot be written: %s", error)
