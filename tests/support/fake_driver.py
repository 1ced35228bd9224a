"""A call platform in memory: who is in which call, and whom each leg lets hear it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.protocol import (
    Agent,
    Capability,
    Check,
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    LegEnded,
    LegNeeds,
    LegPort,
    PlatformConnection,
    PlatformError,
    Sink,
)

START = datetime(2024, 5, 1, 8, tzinfo=UTC)


def call(number: int, **changes: object) -> Interaction:
    """An interaction that can be monitored."""
    made = Interaction(
        id=f"call-{number}",
        channel="voice",
        direction="inbound" if number % 2 else "outbound",
        agents=(Agent(f"agent-{number % 7}", f"Agent {number % 7}"),),
        customer=f"+44 20 7946 {number:04}",
        contact_point="+44 800 1",
        queue=("Sales", "Support", "Billing")[number % 3],
        flow=("Main", "Night")[number % 2],
        state="in-conversation",
        started_at=START + timedelta(seconds=number),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class FakeDriver:
    """Implements `Driver`. ``legs`` maps a handle to who hears it; ``failing`` maps a method's
    name to the error that it raises, ``slow`` to the seconds that it takes.
    """

    interactions: dict[str, Interaction] = field(default_factory=dict)
    name: str = "fake"
    capabilities: frozenset[Capability] = frozenset(Capability)
    leg: LegNeeds = field(default_factory=LegNeeds)
    legs: dict[str, Audience | None] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    asked: list[tuple[str, Audience | None]] = field(default_factory=list)
    supervisors: list[str] = field(default_factory=list)
    failing: dict[str, PlatformError] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    jitter: random.Random | None = None
    connected: bool = True
    kept: frozenset[str] = frozenset()
    _sink: Sink | None = None
    _owned: set[str] = field(default_factory=set)
    """Legs that this life of control made or resumed; the others take no orders."""

    @classmethod
    def with_calls(cls, calls: Iterable[Interaction]) -> FakeDriver:
        """A platform with these active calls."""
        return cls({item.id: item for item in calls})

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        self._sink, self.kept = sink, kept
        self._owned.clear()
        if self.connected:
            self.connect()

    async def stop(self) -> None:
        self._sink = None

    async def check(self) -> list[Check]:
        return [Check("address", passed=self.connected, detail="The fake platform.")]

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        self.made.append(handle)
        await self._trouble("monitor")
        offer = await leg.offer()
        assert offer.startswith("offer")
        if interaction_id not in self.interactions:
            raise PlatformError("The call has ended.", code="call_ended")
        self.legs[handle] = None
        self._owned.add(handle)
        self.supervisors.append(supervisor)
        await leg.accept(f"answer for {handle}")

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        self.asked.append((handle, audience))
        await self._trouble("set_audience")
        if handle not in self.legs:
            raise PlatformError("There is no such leg.")
        if handle not in self._owned:
            raise PlatformError("This leg is not yours; resume it.")
        self.legs[handle] = audience

    async def leave(self, handle: str) -> None:
        await self._trouble("leave")
        self.legs.pop(handle, None)
        self.left.append(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        await self._trouble("resume")
        if handle in self.legs:
            self._owned.add(handle)
        return handle in self.legs

    # -- what happens on the platform

    def connect(self) -> None:
        """The signalling is there; the snapshot follows."""
        self.connected = True
        self.tell(PlatformConnection(connected=True))
        self.tell(InteractionsSnapshot(tuple(self.interactions.values())))

    def disconnect(self) -> None:
        """The signalling is gone; the legs stay."""
        self.connected = False
        self.tell(PlatformConnection(connected=False, detail="The platform is away."))

    def change(self, interaction: Interaction) -> None:
        """A new or changed interaction."""
        if interaction.state == "ended":
            self.interactions.pop(interaction.id, None)
        else:
            self.interactions[interaction.id] = interaction
        self.tell(InteractionChanged(interaction))

    def end_leg(self, handle: str, reason: EndReason) -> None:
        """The platform ends our leg, or the call under it."""
        self.legs.pop(handle, None)
        self.tell(LegEnded(handle, reason))

    def tell(self, event: object) -> None:
        """Report to the sink, if there is one."""
        if self._sink is not None:
            self._sink(event)  # type: ignore[arg-type]

    async def _trouble(self, method: str) -> None:
        delay = self.slow.get(method, 0.0)
        if self.jitter is not None:
            delay += self.jitter.choice((0, 0, 0.001, 0.003))
        if delay:
            await asyncio.sleep(delay)
        if not self.connected:
            raise PlatformError("The platform cannot be reached.", code="platform_lost")
        if (error := self.failing.get(method)) is not None:
            raise error
