"""What the stand-in is started with, and what it tells when it is ready."""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import BaseModel, Field

EVERY_PERMISSION = ("VIEW_ALL_MONITORED_CALLS", "MONITOR_ALL_CALLS", "BARGE_ALL_CALLS")


class UserSettings(BaseModel):
    """An account of the tenant."""

    id: str
    username: str
    password: str
    permissions: tuple[str, ...] = EVERY_PERMISSION
    extension: dict[str, Any] | None = None
    """Active and only; none: a WebRTC one at the voice gateway."""


class TrunkSettings(BaseModel):
    """Where the platform reaches SIP addresses: an endpoint at a PBX."""

    ws_url: str
    user: str
    password: str


class StandinSettings(BaseModel):
    """Times in seconds."""

    port: int = 0
    control_token: str = Field(default_factory=lambda: secrets.token_urlsafe(16))
    tenant_id: str = "10000000-0000-4000-8000-000000000001"
    users: tuple[UserSettings, ...] = ()
    agents: tuple[tuple[str, str], ...] = ()
    """Id and name."""
    tls: tuple[str, str] | None = None
    """Files of certificate and key; none: without TLS."""
    trunk: TrunkSettings | None = None
    """None: an extension of type ``sip`` cannot be called."""
    token_ttl: float = 3600.0
    sqs_ttl: float = 3600.0
    voice_ttl: float = 3600.0
    heartbeat_delay: float = 1.0
    heartbeats_missed: float = 4.0
    """Delays without a heartbeat after which a session is dead [?]."""
    visibility: float = 2.0
    """A received message that was not deleted comes again after this."""
    gateway_beat: float = 2.0
    reattach: float = 8.0
    """How long a call survives the loss of its signalling [I]."""


class Ready(BaseModel):
    """Where it listens."""

    url: str
    control_token: str
