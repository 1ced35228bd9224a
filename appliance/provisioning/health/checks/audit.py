"""The audit log is as it was written."""

from __future__ import annotations

from appliance.monitoring.audit import Audit
from appliance.monitoring.store import StoreError
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import HOUR_S, Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said

_ADVICE = said(
    "Keep a copy of the database and of your exports, and find out who had access to the box. "
    "What was changed cannot be mended, and new rows are chained to what is there."
)


async def look(box: Box) -> list[Finding]:
    """The whole chain, now and then."""
    try:
        wrong = await box.audit_fault()
    except StoreError as error:
        words = said("The audit log could not be checked. {why}", why=error.detail)
        return [fault("audit_unverified", words, said("Free space, or restart the box."))]
    return [fault("audit_broken", wrong, _ADVICE)] if wrong else []


async def audit_fault(audit: Audit) -> str:
    """What `Box.audit_fault` asks, of the audit log itself. Raises `StoreError`."""
    checked = audit.checked or await audit.check()
    if checked.verdict.intact:
        return ""
    return " ".join(fault.words for fault in checked.verdict.faults[:3])


CHECK = Check(
    "audit",
    ("audit_broken", "audit_unverified"),
    look,
    every_s=6 * HOUR_S,
    limit_s=120.0,
    heavy=True,
)
