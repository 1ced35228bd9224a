"""What the sandbox driver and the contact centre say to each other: JSON over one WebSocket.

A client sends requests (``id``, ``op`` and the fields of the operation); the first is `Hello`.
The server sends one `Reply` to each, and, to those that subscribed, `Interactions` and
`LegEnded`. Supervisor operations are here, those of an administrator in ``centre/requests.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import Interaction

MAX_REQUEST = 128 * 1024
"""Bytes a request may have; the connection is closed (1009) over a longer one."""

MAX_EVENT = 1024 * 1024
"""Bytes a reply or an event may have."""

PAGE = 250
"""Interactions in one message: small enough that neither side's loop is held up by it."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
Sdp = Annotated[str, Field(min_length=1, max_length=64 * 1024)]


class Message(BaseModel):
    """Common form: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(Message):
    """Common to all requests: the number that the reply repeats."""

    id: Annotated[int, Field(ge=0, le=2**53)]


class Hello(Request):
    """First on every connection. An administrator's token admits to everything."""

    op: Literal["hello"]
    token: Annotated[str, Field(max_length=200)]
    tenant: Name = "sandbox"


class Subscribe(Request):
    """Send all interactions, then each change."""

    op: Literal["subscribe"]


class Monitor(Request):
    """Join silently with the leg that *offer* describes. Result: ``answer``."""

    op: Literal["monitor"]
    handle: Name
    interaction: Name
    supervisor: Name
    offer: Sdp


class SetAudience(Request):
    """Who hears the leg; None is nobody."""

    op: Literal["audience"]
    handle: Name
    audience: Audience | None


class Leave(Request):
    """End the leg; succeeds when it is gone already."""

    op: Literal["leave"]
    handle: Name


class Resume(Request):
    """Own a leg of an earlier connection. Result: ``resumed``, and ``reason`` if it ended."""

    op: Literal["resume"]
    handle: Name


SupervisorRequest = Hello | Subscribe | Monitor | SetAudience | Leave | Resume


class Reply(Message):
    """The answer to the request *id* (None: the request was not understood)."""

    type: Literal["reply"] = "reply"
    id: int | None
    ok: bool = True
    code: str | None = None
    detail: str | None = None
    result: dict[str, Any] = {}


class Interactions(Message):
    """New or changed interactions. *part* tells which belong to the snapshot after `Subscribe`.

    A snapshot is one or more messages of which the last has ``part="last"``; changes follow.
    """

    type: Literal["interactions"] = "interactions"
    part: Literal["more", "last"] | None = None
    items: tuple[Interaction, ...]


class LegEnded(Message):
    """The platform ended a leg that this connection owned."""

    type: Literal["leg_ended"] = "leg_ended"
    handle: str
    reason: EndReason


Event = Annotated[Reply | Interactions | LegEnded, Field(discriminator="type")]
events: TypeAdapter[Event] = TypeAdapter(Event)
