"""The sound process, and with it the panel: it does not run without its board."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """Whether the leg answers; one whose panel is missing or of another board ends at once."""
    if box.device().leg_connected:
        return []
    words = said("The sound process does not run: no headset, no buttons, no lamps.")
    advice = said(
        "Its log says why (“journalctl -u bargebox-leg”). If it names the panel, correct "
        "“panel.board” in the settings file, or the wiring."
    )
    return [fault("panel_missing", words, advice)]


CHECK = Check("panel", ("panel_missing",), look, every_s=15.0)
