"""Three people at one box: an administrator, a supervisor who takes calls too, a technician."""

from __future__ import annotations

import json
from typing import Any

from appliance.demo.box import Person as Someone
from tests.support.demo_world import Monitored, Person

PEOPLE = (
    Someone("ann", "Administrator"),
    Someone("bob", "Supervisor", ("agent-bruno",)),
    Someone("tec", "Technician"),
)
BOBS_OWN = "agent-bruno"
IMPATIENT = {
    "leg": {"media_timeout_s": 60.0},
    "monitoring": {"platform_lost_after_s": 1.0, "headset_lost_after_s": 1.0},
    "platform.sandbox": {"request_timeout": 1.0},
}
BAR = {"muted": False}
MUTE = {"muted": True}
MICROPHONE = "/monitoring/microphone"


async def audit(person: Person) -> list[tuple[str, str, dict[str, Any]]]:
    """Actor, action and detail, oldest first."""
    rows = (await person.get("/audit"))["items"]
    return [(row["actor"], row["action"], json.loads(row["detail"])) for row in reversed(rows)]


async def legs(call: Monitored) -> list[Any]:
    """What the centre holds of supervisors."""
    found = (await call.admin.do("legs"))["legs"]
    assert isinstance(found, list)
    return found
