"""The messages of the voice gateway that matter to a listening leg: read, checked, bounded."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.platforms.cxengage import sdp
from appliance.platforms.cxengage.jsontext import load
from appliance.platforms.cxengage.line import Invite
from appliance.platforms.cxengage.oddities import Oddities

BEAT = "\n"
"""The heartbeat, both ways."""


@dataclass(frozen=True, slots=True)
class Ended:
    """``cancel`` or ``hangup``."""

    callsid: str


@dataclass(frozen=True, slots=True)
class Fault:
    """``error``; *code* 0 where there is none."""

    code: int
    callsid: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """``connected``, ``ready`` and other messages that carry nothing we need."""

    type: str


KNOWN = frozenset({"connected", "ready", "answer", "ringing", "offline", "roster", "close", "ack"})


def parse(text: str | bytes, oddities: Oddities) -> Invite | Ended | Fault | Word | None:
    """One message; None for a heartbeat and for what is not understood. Raises nothing."""
    if text in (BEAT, BEAT.encode(), ""):
        return None
    try:
        data = load(text)
    except ValueError:
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        oddities.note("voice message", "not in a known form")
        return None
    kind = data["type"]
    payload = data.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    callsid = _text(payload.get("callsid"), 128)
    match kind:
        case "invite":
            description = _text(payload.get("sdp"), sdp.MOST)
            if callsid and description:
                return Invite(callsid, description, _text(payload.get("reconnect"), 4096))
        case "cancel" | "hangup":
            if callsid:
                return Ended(callsid)
        case "error":
            error = payload.get("error")
            code = error.get("code") if isinstance(error, dict) else None
            return Fault(code if isinstance(code, int) else 0, callsid)
        case _ if kind in KNOWN:
            return Word(kind)
        case _:
            oddities.met("voice message type", kind)
            return None
    oddities.note(f"voice {kind}", "without what it must have")
    return None


def _text(value: object, most: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= most else None
