"""The one-time password of the first start has been changed."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, warning
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """Of the first account alone; others' one-time passwords are their makers' business."""
    if not await box.first_password_unchanged():
        return []
    words = said("The first account still has the one-time password of the first start.")
    advice = said("Sign in as admin and choose a password; until then whoever finds the note may.")
    return [warning("first_password_unchanged", words, advice)]


CHECK = Check("first_password", ("first_password_unchanged",), look)
