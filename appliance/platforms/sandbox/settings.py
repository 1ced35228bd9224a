"""Settings of the sandbox driver: where the contact centre is and how to get in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Seconds = Annotated[float, Field(gt=0, le=600)]


class SandboxSettings(BaseModel):
    """The section ``platforms.sandbox``; *url* and *token* come from the centre's ready file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^wss?://", max_length=300)] = "ws://127.0.0.1:8770"
    token: SecretStr = SecretStr("")
    tenant: Annotated[str, Field(min_length=1, max_length=64)] = "sandbox"
    leg_direction: Literal["sendrecv", "recvonly"] = "sendrecv"
    request_timeout: Seconds = 5.0
    """Seconds one request may take, connecting included."""
    retry_first: Seconds = 0.1
    retry_longest: Seconds = 2.0
    """Seconds between attempts to connect: doubled from the first to the longest."""
