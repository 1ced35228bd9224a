"""Looks at the box now and then, and mends what it can when somebody asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.monitoring.audit import Audit, Entry
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check, Fix
from appliance.provisioning.health.checks import CHECKS
from appliance.provisioning.health.finding import Finding, Severity, fault
from appliance.provisioning.words import said
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

SETTLE_S, HEAVY_AFTER_S = 10.0, 90.0
"""After the start, before the first look: what comes up with the box is no finding."""
HEAVY_REST = timedelta(minutes=2)
FIX_LIMIT_S = 20.0
UNFINISHED = "health_unknown"
"""A check that did not come to an end, whichever it is."""


class HealthError(BargeboxError):
    """A finding cannot be mended: ``not_found``, ``no_fix``, ``busy`` or ``timeout``."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, since when it is there, and what the box can do about it (a button's words)."""

    finding: Finding
    since: datetime
    fix: str | None


@dataclass(slots=True)
class _Looked:
    """What a check saw last."""

    at: datetime | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody wants to know, and does not wait."""
    found: tuple[Finding, ...] = ()
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class HealthMonitor:
    """The box's health. All methods run on one event loop; the checks wait in threads."""

    def __init__(
        self,
        box: Box,
        audit: Audit,
        checks: Iterable[Check] = CHECKS,
        *,
        on_death: Callable[[str], None] = die,
    ) -> None:
        self._box, self._audit = box, audit
        self._checks = tuple(checks)
        self._looked = {check.name: _Looked() for check in self._checks}
        self._since: dict[str, datetime] = {}
        self._on_death = on_death
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look."""
        self._tasks = [
            deadly_task(self._watch(check), f"health {check.name}", on_death=self._on_death)
            for check in self._checks
        ]

    async def stop(self) -> None:
        """Look no more."""
        await stop_tasks(*self._tasks)

    @property
    def codes(self) -> tuple[str, ...]:
        """All that may be found."""
        return (*(code for check in self._checks for code in check.codes), UNFINISHED)

    @property
    def as_of(self) -> datetime | None:
        """When something was looked at last; None until then."""
        return max((one.at for one in self._looked.values() if one.at is not None), default=None)

    def findings(self) -> list[Told]:
        """What is wrong, the worst first, and of equals what is known for longest."""
        found = [finding for looked in self._looked.values() for finding in looked.found]
        told = [
            Told(one, self._since[one.code], fix.label if (fix := self._fix(one.code)) else None)
            for one in found
        ]
        order = list(Severity)
        return sorted(told, key=lambda one: (order.index(one.finding.severity), one.since))

    async def look(self) -> None:
        """Look at everything now; at what is heavy soon, and not twice in a short time."""
        for check in self._checks:
            looked = self._looked[check.name]
            if check.heavy and (looked.at is None or datetime.now(UTC) - looked.at > HEAVY_REST):
                looked.asked.set()
        await asyncio.gather(*(self._look(check) for check in self._checks if not check.heavy))

    async def mend(self, code: str, who: str) -> None:
        """Do what the box can about a finding, on record first. Raises `BargeboxError`."""
        check = next((check for check in self._checks if code in check.codes), None)
        if check is None or all(told.finding.code != code for told in self.findings()):
            raise HealthError("Nothing of the kind is wrong any more.", code="not_found")
        fix = self._fix(code)
        if fix is None:
            words = "The box cannot mend this by itself; do what is suggested."
            raise HealthError(words, code="no_fix")
        await self._audit.append(Entry(who, "health_fix", detail={"code": code}))
        log.info("%s asked to mend %s", who, code)
        try:
            async with asyncio.timeout(FIX_LIMIT_S):
                await fix.work(self._box, who)
        except TimeoutError:
            words = "It takes too long and may still be going on. Look again in a minute."
            raise HealthError(words, code="timeout") from None
        await self._look(check)

    def _fix(self, code: str) -> Fix | None:
        return next((c.fixes[code] for c in self._checks if code in c.fixes), None)

    async def _watch(self, check: Check) -> None:
        looked = self._looked[check.name]
        await asyncio.sleep(HEAVY_AFTER_S if check.heavy else SETTLE_S)
        while True:
            looked.asked.clear()
            await self._look(check)
            with suppress(TimeoutError):
                async with asyncio.timeout(check.every_s):
                    await looked.asked.wait()

    async def _look(self, check: Check) -> None:
        looked = self._looked[check.name]
        async with looked.looking:
            try:
                async with asyncio.timeout(check.limit_s):
                    found = tuple(await check.look(self._box))
            except TimeoutError:
                found = (_unfinished(check, said("it did not come to an end.")),)
            except BargeboxError as error:
                found = (_unfinished(check, error.detail),)
            self._keep(check, looked, found)

    def _keep(self, check: Check, looked: _Looked, found: tuple[Finding, ...]) -> None:
        at = datetime.now(UTC)
        before = {finding.code for finding in looked.found}
        codes = {finding.code for finding in found}
        for finding in found:
            if finding.code not in before:
                self._since[finding.code] = at
                log.warning("health: %s", finding.words, extra={"CODE": finding.code})
        for code in before - codes:
            log.info("health: %s is over", code, extra={"CODE": code})
        looked.found, looked.at = found, at


def _unfinished(check: Check, why: str) -> Finding:
    words = said(
        "The check “{name}” cannot tell: {why}", name=check.name.replace("_", " "), why=why
    )
    return fault(UNFINISHED, words, said("Look again; if it stays, restart the box."))
