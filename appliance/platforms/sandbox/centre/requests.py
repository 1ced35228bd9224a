"""The requests of an administrator; `Admin` carries them out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appliance.platforms.sandbox.centre.call import EndedBy
from appliance.platforms.sandbox.centre.conversation import Side
from appliance.platforms.sandbox.centre.tenant import AGENTS, CONTACT_POINTS, FLOWS, QUEUES
from appliance.platforms.sandbox.wire import Name, Request

Hz = Annotated[float, Field(gt=0, lt=24_000)]


class CreateCall(Request):
    """Result: ``call``, its id. *agent* is an id or a name of the tenant."""

    op: Literal["create_call"]
    agent: Name = AGENTS[0].id
    customer: Name = "Test Customer (+44 7700 900000)"
    flow: Name = FLOWS[0].name
    queue: Name = QUEUES[0]
    contact_point: Name = CONTACT_POINTS[0]
    direction: Literal["inbound", "outbound"] = "inbound"
    voices: bool = True


class OnCall(Request):
    """An operation on one call."""

    call: Name


class Hold(OnCall):
    """The agent puts the customer on hold."""

    op: Literal["hold"]


class Unhold(OnCall):
    """The agent takes the customer back."""

    op: Literal["unhold"]


class Transfer(OnCall):
    """Hand over to another agent, and into another flow where one is named; the reply comes when
    it is done.
    """

    op: Literal["transfer"]
    to: Name
    flow: Name | None = None
    seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


class End(OnCall):
    """Someone hangs up."""

    op: Literal["end"]
    by: EndedBy = "customer"


class Quiet(OnCall):
    """Stop (or start again) the speech and the music of a call."""

    op: Literal["quiet"]
    quiet: bool = True


class Tone(OnCall):
    """Let a party sound a sine; without *hz* it stops."""

    op: Literal["tone"]
    party: Side
    hz: Hz | None = None
    dbfs: Annotated[float, Field(ge=-90, le=0)] = -20.0


class MakeClick(OnCall):
    """A 20 ms click at monotonic time *at*, or now. Result: ``at``, when it left the mixer."""

    op: Literal["click"]
    party: Side
    at: float = 0.0


class Measure(OnCall):
    """What a party heard in the last seconds. Result: ``dbfs``."""

    op: Literal["measure"]
    party: Side
    hz: Hz | None = None
    seconds: Annotated[float, Field(gt=0, le=10)] = 1.0


class Roster(OnCall):
    """Result: ``agent`` and ``customer``, each with ``roster`` and ``notices``."""

    op: Literal["roster"]


class OnLeg(Request):
    """An operation on one leg."""

    handle: Name


class RemoveSupervisor(OnLeg):
    """The platform throws a supervisor out."""

    op: Literal["remove_supervisor"]


class DropMedia(OnLeg):
    """Stop (or begin again) to send media, without closing."""

    op: Literal["drop_media"]
    drop: bool = True


class UplinkLog(OnLeg):
    """Packets from number *since* on. Result: ``next``, ``packets`` (see `_packet`)."""

    op: Literal["uplink_log"]
    since: Annotated[int, Field(ge=0)] = 0
    payloads: bool = False


class ListLegs(Request):
    """Result: ``legs``."""

    op: Literal["legs"]


class RefuseNextOffer(Request):
    """The next monitor request is refused (``bad_offer``)."""

    op: Literal["refuse_next_offer"]


class Bar(Request):
    """Let a supervisor monitor nothing (``not_permitted``), or again."""

    op: Literal["bar"]
    supervisor: Name
    barred: bool = True


class Slow(Request):
    """From now on hold every reply to supervisors back for so long."""

    op: Literal["slow"]
    seconds: Annotated[float, Field(ge=0, le=60)]


class SetListed(Request):
    """Change the number of listed interactions and how often one of them changes."""

    op: Literal["set_listed"]
    n: Annotated[int, Field(ge=0, le=10_000)]
    changes_per_second: Annotated[float, Field(ge=0, le=200)] = 0.0


AdminRequest = (
    CreateCall
    | Hold
    | Unhold
    | Transfer
    | End
    | Quiet
    | Tone
    | MakeClick
    | Measure
    | Roster
    | RemoveSupervisor
    | DropMedia
    | UplinkLog
    | ListLegs
    | RefuseNextOffer
    | Bar
    | Slow
    | SetListed
)
