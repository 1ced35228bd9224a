"""Settings of the Janus driver: where the server is, its secrets, and how a call is laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.platforms.addresses import WsAddress

Seconds = Annotated[float, Field(gt=0, le=600)]
Secret = Annotated[SecretStr, Field(max_length=500)]


class JanusSettings(BaseModel):
    """The section ``platform.janus``; ``docs/janus.md`` says what a site must offer."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    url: WsAddress = "ws://127.0.0.1:8188"
    """Of Janus's WebSocket API; ``wss`` over a network."""
    tls_ca: Path | None = None
    """Certificates (PEM) to trust instead of the system's, for ``wss``."""
    api_secret: Secret = SecretStr("")
    """``api_secret`` of ``janus.jcfg``; empty where it has none."""
    token: Secret = SecretStr("")
    """A token of its ``token_auth``; it must be allowed VideoRoom and AudioBridge."""
    admin_key: Secret = SecretStr("")
    """``admin_key`` of both plugins: it shows private rooms and makes waiting rooms."""
    room_pin: Secret = SecretStr("")
    """The PIN of the calls' rooms, in both plugins."""
    coach_pin: Secret = SecretStr("")
    """The PIN of the coach rooms; empty: the same."""
    bridge_secret: Secret = SecretStr("")
    """The ``secret`` of the calls' AudioBridge rooms; only to silence what a former life said."""
    speaking: bool = True
    """Whether the calls have AudioBridge rooms; without them a leg can only listen."""
    coach_suffix: Annotated[str, Field(max_length=32, pattern=r"^[\w.-]*$")] = "-coach"
    """What follows a call's id in the name of its agent's own AudioBridge room; empty: none."""
    request_timeout: Seconds = 5.0
    """Seconds one request may take, connecting included."""
    list_every: Seconds = 1.0
    """Seconds between looks at the rooms."""
    watch_every: Seconds = 0.15
    """Seconds between looks at the room that is listened to."""
    retry_first: Seconds = 0.1
    """Seconds before the second attempt to connect."""
    retry_longest: Seconds = 2.0
    """Seconds between attempts to connect at most; they double up to it."""
