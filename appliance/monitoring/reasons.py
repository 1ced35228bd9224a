"""What each end reason says to a person: one sentence, with what to do where there is something."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from appliance.control_link.words import EndReason

WORDS: Final[Mapping[EndReason, str]] = MappingProxyType(
    {
        EndReason.HUNG_UP: "You left the call.",
        EndReason.AGENT_ENDED: "The agent ended the call.",
        EndReason.CUSTOMER_ENDED: "The customer ended the call.",
        EndReason.CALL_ENDED: "The call has ended.",
        EndReason.REMOVED: "The platform removed you from the call.",
        EndReason.NOT_PERMITTED: (
            "Your account may not do this. Ask an administrator for the permission."
        ),
        EndReason.NO_MONITORING_OBJECT: (
            "This call's flow has no Silent Monitoring object. Ask for it to be added to the flow."
        ),
        EndReason.MONITORING_DISABLED: (
            "Silent monitoring is switched off for this call. Ask an administrator to switch it on."
        ),
        EndReason.OWN_CALL: "You handle this call yourself as an agent, so you cannot monitor it.",
        EndReason.PLATFORM_LOST: (
            "The call platform could not be reached for too long. Check the network."
        ),
        EndReason.MEDIA_LOST: "No sound came through for too long. Check the network.",
        EndReason.HEADSET_LOST: (
            "The headset was unplugged for too long. Plug it in and join again."
        ),
        EndReason.CONTROL_LOST: (
            "The box's control process was away for too long, so the box left the call. Join again."
        ),
        EndReason.FAILED: "The call could not be monitored. Try again.",
    }
)


def reason_for(code: str) -> EndReason:
    """The end reason that an error code names; ``failed`` where it names none."""
    return _BY_CODE.get(code, EndReason.FAILED)


_BY_CODE: Final = {reason.value: reason for reason in EndReason}
