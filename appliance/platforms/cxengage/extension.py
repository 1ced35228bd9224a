"""Where the platform reaches the box's account, and which line that takes."""

from __future__ import annotations

from enum import Enum
from typing import Any

from appliance.platforms.cxengage.settings import CxEngageSettings

Extension = dict[str, Any]
GATEWAY_TYPES = frozenset({"webrtc", "twilio"})


class Way(Enum):
    """How the platform can call the box."""

    GATEWAY = "gateway"
    PBX = "pbx"
    NONE = "none"


def way_of(extension: Extension | None, settings: CxEngageSettings) -> Way:
    """The line that this extension takes."""
    kind = extension.get("type") if extension else None
    if kind in GATEWAY_TYPES:
        return Way.GATEWAY
    return Way.PBX if kind == "sip" and settings.sip.ws_url else Way.NONE


def why_none(extension: Extension | None) -> str:
    """Why the box cannot be called at it, in words."""
    kind = extension.get("type") if extension else None
    if not extension:
        return (
            "The box's account has no extension at CxEngage (7025); "
            "a tenant administrator can give it a WebRTC or SIP extension."
        )
    if kind == "sip":
        return (
            "The active extension of the box's account is a SIP address, but the settings name "
            "no PBX to register it at; fill in the section platform.cxengage.sip."
        )
    what = "a telephone number" if kind == "pstn" else "of a kind that the box does not know"
    return (
        f"The active extension of the box's account is {what}; "
        "a tenant administrator can make a WebRTC or SIP extension its active one."
    )
