"""One leg of ours that spies, and where in the dialplan it may be."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.sip.dialog import Dialog

ARRIVAL = "leg-"
"""Where a leg calls, with its handle behind."""
EXTENSIONS: dict[Audience | None, str] = {
    None: "hear",
    Audience.AGENT: "coach",
    Audience.EVERYONE: "barge",
}
"""Where it spies, with a hyphen and the channel's unique id behind."""
_SPYING = re.compile(r"(hear|coach|barge)-(.+)")


@dataclass(slots=True, eq=False)
class Leg:
    """One of ours."""

    handle: str
    call: str
    """The interaction: its customer's channel."""
    channel: wire.Channel | None = None
    """Our own channel, once it is there."""
    dialog: Dialog | None = None
    """Our call; none for a leg of a former life, which AMI alone commands."""
    audience: Audience | None = None
    """Who shall hear it."""
    spying: str = ""
    """The extension at which the server said that it spies; empty: it does not."""
    joined: bool = False
    ended: EndReason | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each event of the server."""
    follows: bool = False
    """It is on its way to where it should be."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def handle_of(channel: wire.Channel) -> str:
    """It is called by its handle, which the dialplan keeps as the caller's name."""
    exten = channel.dialplan.exten
    return exten.removeprefix(ARRIVAL) if exten.startswith(ARRIVAL) else channel.caller.name


def place_of(extension: str) -> tuple[Audience | None, str] | None:
    """Who hears a leg at an extension, and which channel it spies on; None: it does not spy."""
    if (match := _SPYING.fullmatch(extension)) is None:
        return None
    return next(one for one, name in EXTENSIONS.items() if name == match[1]), match[2]
