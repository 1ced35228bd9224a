"""The protocol every platform driver speaks, and the interaction it tells of.

A driver runs on the control process's loop, touches no audio, page or database, and reports
through one synchronous `Sink` (called on the loop, must not block).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from appliance.control_link.words import Audience, EndReason
from appliance.service.errors import BargeboxError


class Capability(StrEnum):
    """What a platform can do; the page offers only that."""

    LISTEN = "listen"
    COACH = "coach"
    BARGE = "barge"
    FOLLOW = "follow"
    SEES_HOLD = "sees_hold"
    SEES_TRANSFER = "sees_transfer"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent on a call."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Monitor:
    """Someone who monitors or monitored an interaction."""

    supervisor: str
    barged_in: bool
    started_at: datetime
    ended_at: datetime | None = None


InteractionState = Literal["ringing", "in-conversation", "on-hold", "transferring", "ended"]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One call on the tenant. Times are aware and UTC; all text is data, never markup."""

    id: str
    channel: str
    direction: Literal["inbound", "outbound"]
    agents: tuple[Agent, ...]
    customer: str
    contact_point: str
    queue: str
    flow: str
    state: InteractionState
    started_at: datetime
    monitorable: bool = True
    not_monitorable_reason: EndReason | None = None
    monitors: tuple[Monitor, ...] = field(default=())


# -- what a driver reports


@dataclass(frozen=True, slots=True)
class PlatformConnection:
    """The platform can be reached or not; ``detail`` says what to do when not."""

    connected: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InteractionsSnapshot:
    """All active interactions; replaces what was known. First after every (re)connection."""

    interactions: tuple[Interaction, ...]


@dataclass(frozen=True, slots=True)
class InteractionChanged:
    """A new or changed interaction (``state == "ended"`` takes it off the active list)."""

    interaction: Interaction


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The platform ended our leg, or the call under it."""

    handle: str
    reason: EndReason


PlatformEvent = PlatformConnection | InteractionsSnapshot | InteractionChanged | LegEnded
Sink = Callable[[PlatformEvent], None]


class PlatformError(BargeboxError):
    """The platform refused or failed; ``code`` is an `EndReason` value where one applies."""


class Driver(Protocol):
    """A call platform. Every call has a time limit of its own and raises `PlatformError`."""

    name: str
    capabilities: frozenset[Capability]
    leg_direction: Literal["sendrecv", "recvonly"]

    async def start(self, sink: Sink) -> None:
        """Begin to connect and go on re-connecting until `stop`; returns at once."""

    async def stop(self) -> None:
        """Disconnect. Legs are left first by their owner."""

    async def monitor(self, handle: str, interaction_id: str, supervisor: str, offer: str) -> str:
        """Join silently and return the answer SDP; nobody on the call is alerted.

        *handle* was written down by the caller before; it names the leg in all further calls,
        also in a later life of this process.
        """

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Ask who shall hear the leg; ``None`` is nobody. Returns when the platform consented."""

    async def leave(self, handle: str) -> None:
        """End only our own leg. Succeeds when it is gone already."""

    async def resume(self, handle: str) -> bool:
        """Take up a leg of a former life of this process; false when it is gone."""
