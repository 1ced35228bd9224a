"""Whether a call may be joined at all, before anything is made on the server."""

from __future__ import annotations

import re

from appliance.control_link.words import EndReason
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.protocol import PlatformError

HANDLE = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""With what is appended (`wire`) it fits into a channel's id, which has 149 letters at most."""


def admit(listing: Listing, handle: str, interaction_id: str) -> None:
    """Raises `PlatformError` with the reason when the call may not be joined as *handle*."""
    if not HANDLE.fullmatch(handle):
        raise PlatformError("The session's name cannot be used on Asterisk; try again.")
    interaction = listing.shown.get(interaction_id)
    if interaction is None:
        raise PlatformError(
            "There is no such call any more; choose another.", code=EndReason.CALL_ENDED
        )
    if (reason := interaction.not_monitorable_reason) is not None:
        raise PlatformError("This call may not be monitored.", code=reason)
