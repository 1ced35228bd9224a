"""The JSON shapes of the box's health."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel

from appliance.console.ports.provisioning import Health
from appliance.console.views import Moment
from appliance.provisioning.health.finding import Severity
from appliance.provisioning.health.monitor import Told


class FindingOut(BaseModel):
    """One thing that is wrong."""

    code: str
    severity: Severity
    words: str
    suggestion: str
    since: Moment
    fix: str | None
    """What the box can do about it, as a button says it; null where only a person can."""

    @classmethod
    def of(cls, told: Told) -> Self:
        """From the domain."""
        finding = told.finding
        return cls(
            code=finding.code,
            severity=finding.severity,
            words=finding.words,
            suggestion=finding.suggestion,
            since=told.since,
            fix=told.fix,
        )


class HealthOut(BaseModel):
    """All that is wrong, the worst first; ``as_of`` null: nothing was looked at yet."""

    as_of: Moment | None
    findings: list[FindingOut]

    @classmethod
    def of(cls, health: Health) -> Self:
        """As it is known now."""
        return cls(as_of=health.as_of, findings=[FindingOut.of(one) for one in health.findings()])
