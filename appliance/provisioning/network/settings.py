"""Settings of changing the network."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class NetworkSettings(BaseModel):
    """How the network may be changed on the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confirm_within_s: Annotated[int, Field(ge=2, le=3600)] = 60
    """A change that nobody confirms in so many seconds is undone."""
