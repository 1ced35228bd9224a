"""The settings file was taken."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """As it was when this life of the process began."""
    if not box.settings_fault:
        return []
    words = said("{what} The last good settings are used.", what=box.settings_fault)
    advice = said("Correct what is named in the file, then restart control.")
    return [fault("settings_refused", words, advice)]


CHECK = Check("settings", ("settings_refused",), look)
