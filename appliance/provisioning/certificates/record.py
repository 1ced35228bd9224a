"""What goes into the audit log of certificates."""

from __future__ import annotations

from typing import Protocol

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.certificates.facts import Facts


class Record(Protocol):
    """The audit log, as far as certificates need it."""

    async def append(self, *entries: Entry) -> None:
        """Have *entries* on record, or raise."""

    def note(self, entry: Entry) -> None:
        """Have *entry* on record soon."""


def detail_of(facts: Facts) -> dict[str, JsonValue]:
    """What stays on record of a certificate."""
    return {
        "fingerprint": facts.fingerprint,
        "issuer": facts.issuer,
        "names": [*facts.names],
        "subject": facts.subject,
        "valid_until": facts.valid_until.isoformat(),
    }
