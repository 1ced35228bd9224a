"""Settings of the sandbox contact centre, and what it tells once it is ready."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=3600)]
Token = Annotated[str, Field(min_length=16, max_length=200)]


def _token() -> str:
    return secrets.token_urlsafe(24)


class CentreSettings(BaseModel):
    """Everything a centre needs; each value has a default that suits the demo."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(max_length=64)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0 takes a free port; the ready file tells which."""
    tenant: Annotated[str, Field(min_length=1, max_length=64)] = "sandbox"
    token: Token = Field(default_factory=_token)
    admin_token: Token = Field(default_factory=_token)
    seed: int = 1
    lively: Annotated[int, Field(ge=0, le=50)] = 6
    """Calls that begin, hold, transfer and end by themselves."""
    pace: Annotated[float, Field(gt=0, le=100)] = 1.0
    """How much faster than life the lively calls change."""
    listed: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Further interactions; they carry audio only when they are joined."""
    changes_per_second: Annotated[float, Field(ge=0, le=200)] = 0.0
    """Changes among the listed interactions."""
    speech_directory: Path | None = None
    """Where made speech is kept; None keeps it in memory only."""
    grace: Seconds = 15.0
    """Seconds a leg stays after its supervisor's WebSocket was lost."""
    media_timeout: Seconds = 6.0
    """Seconds without any packet after which a leg's media counts as dead."""
    connect_timeout: Seconds = 10.0
    """Seconds a new leg has to connect."""


class Ready(BaseModel):
    """The ready file: where the centre listens and the tokens that let in."""

    model_config = ConfigDict(frozen=True)

    url: str
    token: str
    admin_token: str
    pid: int
