"""The headset: plugged in, and fit to hear and to speak."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault
from appliance.provisioning.words import said


async def look(box: Box) -> list[Finding]:
    """As the leg tells it; the leg takes no headset that has one direction only."""
    device = box.device()
    if not device.leg_connected or device.headset.present:
        return []
    if device.headset.detail:
        words = said("The headset cannot be used: {why}.", why=device.headset.detail.rstrip("."))
        advice = said("Use a headset that hears and speaks at 48 kHz, and close what else uses it.")
        return [fault("headset_unfit", words, advice)]
    advice = said("Plug the headset into the box. Nothing needs a restart.")
    return [fault("headset_missing", said("No headset is plugged in."), advice)]


CHECK = Check("headset", ("headset_missing", "headset_unfit"), look, every_s=15.0)
