"""Settings of the sandbox driver: where the contact centre is and how to get in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from appliance.platforms.addresses import WsAddress

Seconds = Annotated[float, Field(gt=0, le=600)]


class SandboxSettings(BaseModel):
    """The section ``platforms.sandbox``; *url* and *token* come from the centre's ready file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    url: WsAddress = "ws://127.0.0.1:8770"
    """Of the contact centre, as it tells at its start."""
    token: SecretStr = SecretStr("")
    """The centre's own token; whoever started it has it."""
    tenant: Annotated[str, Field(min_length=1, max_length=64)] = "sandbox"
    """The tenant there whose calls are listed."""
    leg_direction: Literal["sendrecv", "recvonly"] = "sendrecv"
    """Whether the box can be heard, or only listen (``recvonly``)."""
    request_timeout: Seconds = 5.0
    """Seconds one request may take, connecting included."""
    retry_first: Seconds = 0.1
    """Seconds before the second attempt to connect."""
    retry_longest: Seconds = 2.0
    """Seconds between attempts to connect at most; they double up to it."""
