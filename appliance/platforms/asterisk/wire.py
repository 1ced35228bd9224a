"""What ARI says, as far as we listen: everything else in a message is left aside."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

MAX_EVENT = 1024 * 1024
"""Bytes an event may have."""
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes the answer to a request may have: some ten thousand channels."""

Id = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(max_length=4096)]


class Record(BaseModel):
    """Common form."""

    model_config = ConfigDict(frozen=True)


class Caller(Record):
    """A party's number and name, as the channel knows it."""

    name: Text = ""
    number: Text = ""


class Dialplan(Record):
    """Where a channel is in the dialplan."""

    exten: Text = ""
    app_name: Text = ""
    app_data: Text = ""


class Channel(Record):
    """One side of a call."""

    id: Id
    name: Text
    state: Text = ""
    caller: Caller = Caller()
    dialplan: Dialplan = Dialplan()
    creationtime: AwareDatetime
    channelvars: dict[str, Text] = {}

    @property
    def endpoint(self) -> str:
        """The endpoint's name, without technology and number: ``PJSIP/ada-0000001`` is ``ada``."""
        return self.name.partition("/")[2].rpartition("-")[0]

    @property
    def technology(self) -> str:
        """As in ``PJSIP``."""
        return self.name.partition("/")[0]


class Bridge(Record):
    """Where channels hear each other."""

    id: Id
    name: Text = ""
    channels: tuple[Id, ...] = ()


class Event(Record):
    """Any event; which fields there are depends on *type*."""

    type: str
    channel: Channel | None = None
    peer: Channel | None = None
    caller: Channel | None = None
    bridge: Bridge | None = None
    variable: Text = ""
    value: Annotated[str, Field(max_length=64 * 1024)] = ""
    cause: int | None = None


HEARD = frozenset(
    {
        "ChannelCreated",
        "ChannelDestroyed",
        "ChannelStateChange",
        "ChannelCallerId",
        "ChannelDialplan",
        "ChannelHangupRequest",
        "ChannelHold",
        "ChannelUnhold",
        "ChannelVarset",
        "ChannelEnteredBridge",
        "ChannelLeftBridge",
        "BridgeDestroyed",
        "Dial",
        "StasisStart",
        "StasisEnd",
        "ApplicationReplaced",
    }
)

channels: TypeAdapter[list[Channel]] = TypeAdapter(list[Channel])
bridges: TypeAdapter[list[Bridge]] = TypeAdapter(list[Bridge])

_OURS = re.compile(r"(.+)\.(leg|bridge|(?:snoop|voice|far)-[0-9a-f]+)")


def leg_id(handle: str) -> str:
    """The channel of our own leg; like all that we make, it is named after the handle."""
    return f"{handle}.leg"


def bridge_id(handle: str) -> str:
    """The bridge between the leg and what it hears."""
    return f"{handle}.bridge"


def snoop_id(handle: str) -> str:
    """A new snoop on the customer's channel."""
    return f"{handle}.snoop-{secrets.token_hex(4)}"


def voice_id(handle: str) -> str:
    """A new Local channel from our bridge into the call's own."""
    return f"{handle}.voice-{secrets.token_hex(4)}"


def far_id(voice: str) -> str:
    """The other half of it, which is in the call's bridge."""
    return voice.replace(".voice-", ".far-")


def is_voice(name: str) -> bool:
    """Whether it is such a channel, and no snoop."""
    return ".voice-" in name


def handle_of(name: str) -> str | None:
    """The handle of something that a box made, this one or another."""
    match = _OURS.fullmatch(name)
    return match[1] if match else None


def owned(made: Channel | Bridge, app: str, endpoint: str) -> bool:
    """Whether what a box made is of the box with this ARI application and endpoint."""
    if isinstance(made, Bridge):
        return made.name == app
    if made.technology == "PJSIP":
        return made.endpoint == endpoint
    return made.dialplan.app_name == "Stasis" and made.dialplan.app_data.partition(",")[0] == app
