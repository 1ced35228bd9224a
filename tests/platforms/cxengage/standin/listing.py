"""The statistic ``interactions-in-conversation-list``: only flows with monitoring enabled.

[I] How times are written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.platforms.cxengage.standin.engine import Call, Engine

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(at: datetime | None) -> str | None:
    """As the platform writes it."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rows(engine: Engine) -> list[dict[str, Any]]:
    """Active calls, and those that are only listed."""
    calls = [
        _row(engine, call) for call in engine.calls.values() if call.active and call.flow == "on"
    ]
    return calls + [_extra(number) for number in range(engine.listed)]


def _row(engine: Engine, call: Call) -> dict[str, Any]:
    return {
        "interactionId": call.id,
        "agents": [
            {
                "agentId": call.agent_id,
                "agentName": engine.tenant.names.get(call.agent_id, call.agent_id),
                "groups": [{"groupName": "everyone"}],
                "skills": [{"skillName": "english"}],
            }
        ],
        "customer": "+15550100",
        "contactPoint": "+15550199",
        "flowName": "Support",
        "channelType": "voice",
        "direction": "inbound",
        "state": "in-conversation",
        "startTimestamp": stamp(call.started),
        "currentStateDuration": int((datetime.now(UTC) - call.started).total_seconds() * 1000),
        "monitors": [
            {
                "agentId": one.user.id,
                "agentName": one.user.settings.username,
                "bargedIn": one.barged,
                "startTimestamp": stamp(one.started),
                "endTimestamp": stamp(one.ended),
            }
            for one in call.monitors
            if one.started
        ],
    }


def _extra(number: int) -> dict[str, Any]:
    return {
        "interactionId": f"00000000-0000-4000-9000-{number:012d}",
        "agents": [{"agentId": f"extra-{number}", "agentName": f"Agent {number}"}],
        "customer": f"+1555{number:07d}",
        "contactPoint": "+15550199",
        "flowName": "Sales",
        "channelType": "voice",
        "direction": "outbound",
        "state": "in-conversation",
        "conversationStartTimestamp": stamp(EPOCH + timedelta(seconds=number)),
        "monitors": [],
    }
