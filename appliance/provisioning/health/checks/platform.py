"""The call platform: connected, and as it was chosen."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check, Fix
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """The driver's own word."""
    found = []
    connection = box.connection()
    if not connection.connected:
        words = connection.detail or said("The call platform is not connected.")
        found.append(
            fault(
                "platform_not_connected",
                words,
                said(
                    "Test the connection on the page “Call platform”: it names the step that fails."
                ),
            )
        )
    if (wrong := box.platform_fault()) != "":
        found.append(
            fault("platform_settings_damaged", wrong, said("Save the platform again on its page."))
        )
    return found


async def _forget(box: Box, who: str) -> None:
    await box.forget_platform(who)


CHECK = Check(
    "platform",
    ("platform_not_connected", "platform_settings_damaged"),
    look,
    {"platform_settings_damaged": Fix("Use the settings file’s platform", _forget)},
    every_s=15.0,
)
