"""A call of the sandbox: its two parties, who monitors it, and who can see whom."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import Agent, Interaction, InteractionState, Monitor
from appliance.platforms.sandbox.centre.conversation import SIDES, Side
from appliance.platforms.sandbox.centre.party import Party
from appliance.platforms.sandbox.centre.sound import Pcm
from appliance.platforms.sandbox.centre.tenant import Casting

KEPT_MONITORS = 20

Change = Callable[[Monitor], Monitor]

EndedBy = Literal["agent", "customer", "platform"]
ENDED_BY: dict[EndedBy, EndReason] = {
    "agent": EndReason.AGENT_ENDED,
    "customer": EndReason.CUSTOMER_ENDED,
    "platform": EndReason.CALL_ENDED,
}


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A participant as another one sees it on the screen."""

    role: Literal["agent", "customer", "supervisor"]
    name: str


class LegOnCall(Protocol):
    """A supervisor on the call, as the call and its mixer know one."""

    supervisor: str
    audience: Audience | None

    def voice(self) -> Pcm:
        """The supervisor's next 20 ms; silence without an audience."""

    def hear(self, frame: Pcm, timestamp: int) -> None:
        """Let the supervisor hear 20 ms; *timestamp* in samples."""


@dataclass(slots=True, eq=False)
class Call:
    """One call."""

    id: str
    cast: Casting
    agent: Agent
    voices: bool = True
    dialogue: int = 0
    customer_voice: int = 0
    state: InteractionState = "in-conversation"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    origin: float = field(default_factory=time.monotonic)
    monitors: list[Monitor] = field(default_factory=list)
    legs: dict[str, LegOnCall] = field(default_factory=dict)
    parties: dict[Side, Party] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parties = {
            "agent": Party("agent", self.agent.name),
            "customer": Party("customer", self.cast.customer),
        }
        self.tell("connected")

    @property
    def active(self) -> bool:
        """False once it has ended, for good."""
        return self.state != "ended"

    @property
    def talking(self) -> bool:
        """True while the two hear each other."""
        return self.state == "in-conversation"

    @property
    def held(self) -> bool:
        """True while the customer is on hold."""
        return self.state == "on-hold"

    def tell(self, text: str) -> None:
        """Let both parties notice something."""
        for side in SIDES:
            self.parties[side].notice(text)

    def replace_agent(self, agent: Agent) -> None:
        """Another agent is on the line; the screen of the new one starts afresh."""
        self.agent = agent
        self.parties["agent"] = Party("agent", agent.name)
        self.dialogue += 1
        self.tell(f"transferred to {agent.name}")

    def roster(self, viewer: Side) -> list[RosterEntry]:
        """Everyone on the call whom *viewer* can see. A silent monitor is shown to nobody."""
        everyone = [
            RosterEntry("agent", self.agent.name),
            RosterEntry("customer", self.cast.customer),
            *(RosterEntry("supervisor", leg.supervisor) for leg in self.legs.values()),
        ]
        return [entry for entry in everyone if may_see(viewer, entry)]

    def note_monitor(self, supervisor: str) -> None:
        """Someone begins to monitor."""
        self.monitors.append(Monitor(supervisor, barged_in=False, started_at=datetime.now(UTC)))
        del self.monitors[:-KEPT_MONITORS]

    def note_barge(self, supervisor: str) -> None:
        """The supervisor was heard by someone."""
        self._amend(supervisor, lambda now: dataclasses.replace(now, barged_in=True))

    def note_left(self, supervisor: str) -> None:
        """The supervisor's monitoring ended."""
        ended = datetime.now(UTC)
        self._amend(supervisor, lambda now: dataclasses.replace(now, ended_at=ended))

    def _amend(self, supervisor: str, change: Change) -> None:
        self.monitors = [
            change(monitor)
            if monitor.supervisor == supervisor and monitor.ended_at is None
            else monitor
            for monitor in self.monitors
        ]

    def interaction(self) -> Interaction:
        """The call as supervisors are told of it."""
        flow = self.cast.flow
        return Interaction(
            id=self.id,
            channel="voice",
            direction=self.cast.direction,
            agents=(self.agent,),
            customer=self.cast.customer,
            contact_point=self.cast.contact_point,
            queue=self.cast.queue,
            flow=flow.name,
            state=self.state,
            started_at=self.started_at,
            monitorable=flow.refusal is None,
            not_monitorable_reason=flow.refusal,
            monitors=tuple(self.monitors),
        )


def may_see(viewer: Side, entry: RosterEntry) -> bool:
    """Agents and customers see each other, and no supervisor, whether silent or heard."""
    return entry.role in SIDES
