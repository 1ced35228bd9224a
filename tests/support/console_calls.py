"""The made-up interactions of the tenant behind the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from appliance.control_link.words import EndReason
from appliance.platforms.protocol import Agent, Interaction

PLATFORM = "sandbox"
QUEUES = ("Support", "Sales", "Billing")
AGENTS = ("Ana López", "Ben Okafor", "Chloé Martin", "Dewi Lestari", "Emre Yılmaz", "Fatima Noor")
CUSTOMERS = ("Greta Holm", "Hiro Tanaka", "Ines Duarte", "Jonas Weber", "Kim Ji-woo")


def call_number(n: int) -> Interaction:
    """The n-th made-up interaction; each fifth cannot be monitored, each sixth is on hold."""
    disabled = n % 5 == 4
    agent = n % len(AGENTS)
    return Interaction(
        id=f"call-{n:05}",
        channel="voice",
        direction="outbound" if n % 4 == 3 else "inbound",
        agents=(Agent(f"agent-{agent}", AGENTS[agent]),),
        customer=f"{CUSTOMERS[n % len(CUSTOMERS)]} +4930{n:07}",
        contact_point="+49 800 1234",
        queue=QUEUES[n % 3],
        flow=f"{QUEUES[n % 3]} main",
        state="on-hold" if n % 6 == 5 else "in-conversation",
        started_at=datetime.now(UTC) - timedelta(seconds=3700 - 37 * (n % 100)),
        monitorable=not disabled,
        not_monitorable_reason=EndReason.NO_MONITORING_OBJECT if disabled else None,
    )
