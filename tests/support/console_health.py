"""The box's health behind the page: what is wrong is set at will."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from appliance.provisioning.health.checks import CHECKS
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.health.monitor import HealthError, Told

BEGUN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HEADSET = fault("headset_missing", "No headset is plugged in.", "Plug the headset into the box.")
RESTARTS = warning(
    "control_restarts",
    "The control process began 5 times within the last hour.",
    "Its log says why (“journalctl -u bargebox-control”); send it with a support bundle.",
)
PASSWORD = warning(
    "first_password_unchanged",
    "The first account still has the one-time password of the first start.",
    "Sign in as admin and choose a password; until then whoever finds the note may.",
)
FIXES = {"control_restarts": "Count anew"}


class MemoryHealth:
    """Finds ``wrong``, and after a look ``soon`` too; mends what has a fix."""

    def __init__(self) -> None:
        self.wrong: list[Finding] = []
        self.soon: list[Finding] = []
        self.mended: list[tuple[str, str]] = []
        self.fail_with: Exception | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(code for check in CHECKS for code in check.codes)

    @property
    def as_of(self) -> datetime | None:
        return BEGUN

    def findings(self) -> list[Told]:
        return [Told(one, BEGUN, FIXES.get(one.code)) for one in self.wrong]

    async def look(self) -> None:
        self.wrong, self.soon = [*self.wrong, *self.soon], []

    async def mend(self, code: str, who: str) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        if code not in {one.code for one in self.wrong}:
            raise HealthError("Nothing of the kind is wrong any more.", code="not_found")
        if code not in FIXES:
            raise HealthError("The box cannot mend this by itself.", code="no_fix")
        self.mended.append((code, who))
        self.wrong = [one for one in self.wrong if one.code != code]


class MemorySupport:
    """Bundles without content."""

    def __init__(self) -> None:
        self.made_by: list[str] = []
        self.fail_with: Exception | None = None

    async def make(self, who: str, figures: str) -> AsyncIterator[bytes]:
        if self.fail_with is not None:
            raise self.fail_with
        self.made_by.append(who)
        return self._bytes(figures)

    async def _bytes(self, figures: str) -> AsyncIterator[bytes]:
        for part in (b"bundle ", figures.encode()):
            yield part
