"""Who and what there is in the sandbox: agents, customers, queues, flows, contact points."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import Agent
from appliance.platforms.sandbox.centre.script import AGENT_VOICES

AGENTS: Final = tuple(
    Agent(f"agent-{name.split()[0].lower()}", name)
    for name in (
        "Ada Okafor",
        "Bruno Keller",
        "Chandra Rao",
        "Dolores Vega",
        "Emil Sørensen",
        "Fatima Zahra",
        "Grace Lindqvist",
        "Hugo Marchand",
        "Ines Almeida",
        "Jun Takahashi",
        "Karim Haddad",
        "Lena Novak",
    )
)

QUEUES: Final = ("Support", "Sales", "Billing", "VIP", "Returns")

_FIRST: Final = ("Alice", "Boris", "Carla", "Dmitri", "Elena", "Farid", "Gita", "Henrik", "Iris")
_LAST: Final = ("Abel", "Brandt", "Costa", "Dunn", "Eriksen", "Fuchs", "Garcia", "Holm", "Ito")


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow; *refusal* says why interactions in it cannot be monitored, if so."""

    name: str
    refusal: EndReason | None = None


FLOWS: Final = (
    Flow("Support"),
    Flow("Sales"),
    Flow("Billing"),
    Flow("Emergency line", EndReason.NO_MONITORING_OBJECT),
    Flow("Works council", EndReason.MONITORING_DISABLED),
)
"""The last two lack the Silent Monitoring object, or have it with its toggle off."""

CONTACT_POINTS: Final = ("+44 20 7946 0100", "+44 20 7946 0200", "+1 212 555 0100")


@dataclass(frozen=True, slots=True)
class Casting:
    """All that a new interaction is made of."""

    agent: Agent
    customer: str
    contact_point: str
    queue: str
    flow: Flow
    direction: Literal["inbound", "outbound"]


def seeded(*seed: object) -> Random:
    """Chance that repeats itself: the same seed gives the same day at the centre."""
    return Random(":".join(map(str, seed)))  # noqa: S311 - nothing secret is drawn from it


def cast(random: Random) -> Casting:
    """Draw an interaction; one in eight is in a flow that cannot be monitored."""
    flow = random.choice(FLOWS[3:]) if random.random() < 0.125 else random.choice(FLOWS[:3])
    number = f"+44 7700 900{random.randrange(1000):03d}"
    return Casting(
        agent=random.choice(AGENTS),
        customer=f"{random.choice(_FIRST)} {random.choice(_LAST)} ({number})",
        contact_point=random.choice(CONTACT_POINTS),
        queue=random.choice(QUEUES),
        flow=flow,
        direction="inbound" if random.random() < 0.7 else "outbound",
    )


def voice_of(agent: Agent) -> str:
    """An agent speaks with the same voice on every call."""
    known = next((n for n, other in enumerate(AGENTS) if other.id == agent.id), 0)
    return AGENT_VOICES[known % len(AGENT_VOICES)]
