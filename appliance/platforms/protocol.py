"""The protocol every platform driver speaks, and the interaction it tells of.

A driver runs on the control process's loop, touches no audio, page or database, and reports
through one synchronous `Sink` (called on the loop, must not block).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from appliance.control_link.quality import SessionQuality
from appliance.control_link.words import Audience, EndReason, Party
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
    sound: SessionQuality | None = None
    """How the call was heard, where the box measured it and it is over."""


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


@dataclass(frozen=True, slots=True)
class Check:
    """One step of *Test connection*; ``detail`` says what was found, else who can mend what."""

    step: Literal["address", "tls", "sign_in", "permissions", "list", "media"]
    passed: bool
    detail: str


class LegPort(Protocol):
    """The box's leg of one session, as its driver connects it; session descriptions pass as text.

    Every method raises `LegError` or `LegUnreachableError` of the control link.
    """

    async def offer(self) -> str:
        """Our offer, candidates included; `accept` takes the platform's answer."""

    async def accept(self, answer: str) -> None:
        """The platform's answer to our offer."""

    async def answer(self, offer: str) -> str:
        """Our answer to the platform's offer; it may bring one audio line for each party."""

    async def place(self, parties: Mapping[str, Party]) -> None:
        """Tell who is on which audio line of the offer that was answered, by its ``mid``."""

    async def speak(self) -> str:
        """Our offer of a second connection, which only speaks; the gate goes on deciding."""

    async def accept_speaking(self, answer: str) -> None:
        """The answer to it; returns when that connection is up."""


@dataclass(frozen=True, slots=True)
class LegNeeds:
    """What leg a driver wants."""

    direction: Literal["sendrecv", "recvonly"] = "sendrecv"
    offers: bool = True
    """The box offers, and has its offer ready early; else the platform does."""
    speaks_apart: bool = False
    """The leg only listens, and is heard over a second connection once it barges in."""


class Driver(Protocol):
    """A call platform. Every call has a time limit of its own and raises `PlatformError`."""

    name: str
    capabilities: frozenset[Capability]
    leg: LegNeeds

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect and go on re-connecting until `stop`; returns at once.

        *kept* are handles of a former life that the caller still knows, and resumes or leaves.
        Anything else of this box that is found on the platform is removed.
        """

    async def stop(self) -> None:
        """Disconnect. Legs are left first by their owner."""

    async def check(self) -> list[Check]:
        """Test the connection with one of its own, step by step up to the first that fails.

        Never longer than 30 s; raises nothing that a wrong setting can cause.
        """

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently with *leg*; nobody on the call is alerted.

        *handle* was written down by the caller before; it names the leg in all further calls,
        also in a later life of this process.
        """

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Ask who shall hear the leg; ``None`` is nobody. Returns when the platform consented."""

    async def leave(self, handle: str) -> None:
        """End only our own leg. Succeeds when it is gone already."""

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """Take up a leg of a former life of this process; false when it is gone."""
