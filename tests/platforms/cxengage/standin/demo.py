"""A tenant to try the box against: one account, and two calls that sound."""

from __future__ import annotations

import secrets

from tests.platforms.cxengage.standin.engine import Engine
from tests.platforms.cxengage.standin.settings import StandinSettings, UserSettings

AGENTS = (("agent-ada", "Ada"), ("agent-grace", "Grace"))
TONES = ((330.0, 440.0), (550.0, 660.0))
"""Hz of agent and customer, call by call."""


def demo_settings(port: int) -> StandinSettings:
    """One account with every permission and a new password."""
    password = secrets.token_urlsafe(12)
    user = UserSettings(id="user-bargebox", username="bargebox", password=password)
    return StandinSettings(port=port, users=(user,), agents=AGENTS)


def begin_calls(engine: Engine) -> None:
    """One for each agent."""
    for (agent, _), (agent_hz, customer_hz) in zip(AGENTS, TONES, strict=True):
        room = engine.new_call(agent, "on").room
        room.agent.hz, room.customer.hz = agent_hz, customer_hz


def section(url: str, settings: StandinSettings) -> str:
    """What belongs into the box's settings file."""
    (user,) = settings.users
    return f"""
[platform]
driver = "cxengage"

[platform.cxengage]
base_url = "{url}/v1/"
user = "{user.username}"
password = "{user.password}"
sqs_endpoint = "{url}/sqs/"
voice_urls = ["{url.replace("http", "ws", 1)}/signal"]
poll_interval = 1.0

[leg]
loopback_candidates = true
"""
