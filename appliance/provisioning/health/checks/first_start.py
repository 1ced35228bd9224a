"""The box has been put into service: its first start is through."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, warning


async def look(box: Box) -> list[Finding]:
    """Steps that were set aside count as seen to."""
    if not box.first_start_unfinished():
        return []
    words = "The first start is not finished."
    advice = "Go on with it on the page First start; steps can be set aside there."
    return [warning("first_start_unfinished", words, advice)]


CHECK = Check("first_start", ("first_start_unfinished",), look)
