"""What every message of the control link has: its form, its bounds, and the types both ways use.

The link carries newline-delimited JSON, one object a line; ``type`` tells which. The commands that
control sends are in `commands`, the events that the leg sends in `events`.
Times are seconds of the machine's monotonic clock (``time.monotonic``), levels are dBFS.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_LINE = 256 * 1024
"""Bytes a line may have; a longer one closes the link."""

SessionId = Annotated[str, Field(min_length=1, max_length=64)]
Mid = Annotated[str, Field(min_length=1, max_length=16)]
"""A media line's name in a session description (RFC 5888)."""
Sdp = Annotated[str, Field(min_length=1, max_length=64 * 1024)]
Detail = Annotated[str, Field(max_length=500)]


class Message(BaseModel):
    """Common form: unknown fields are refused, so that the two sides cannot drift silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IceServer(Message):
    """One STUN or TURN server (RFC 8489, RFC 8656)."""

    urls: list[Annotated[str, Field(max_length=300)]]
    username: str | None = None
    credential: str | None = None
