"""The page's certificate does not end soon."""

from __future__ import annotations

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.words import said

DAY_S = 86400.0
SOON_DAYS = 21


async def look(box: Box) -> list[Finding]:
    """As whoever keeps the certificate tells."""
    left_s = box.certificate_ends_s()
    advice = said("Give the box a new certificate.")
    if left_s is None or left_s >= SOON_DAYS * DAY_S:
        return []
    if left_s <= 0:
        words = said("The page's certificate has ended: browsers warn of the page.")
        return [fault("certificate_ended", words, advice)]
    words = said("The page's certificate ends in {days} days.", days=f"{left_s / DAY_S:.0f}")
    return [warning("certificate_ends_soon", words, advice)]


CHECK = Check("certificate", ("certificate_ended", "certificate_ends_soon"), look)
