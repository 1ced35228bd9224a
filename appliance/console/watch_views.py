"""The JSON shapes of what is watched, and of the event that tells of a watched call."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from appliance.console.views import InteractionOut
from appliance.monitoring.watches import Kind, Watched


class WatchIn(BaseModel):
    """How the list shows it; where left out, by its id or name."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=200)] = ""


class WatchedOut(BaseModel):
    """An agent, by the platform's id, or a queue, by its name."""

    kind: Kind
    target: str
    name: str

    @classmethod
    def of(cls, watched: Watched) -> Self:
        """From the domain."""
        return cls(kind=watched.kind, target=watched.target, name=watched.name)


class WatchList(BaseModel):
    """What the account watches on this platform, and how much it may."""

    items: list[WatchedOut]
    most: int


class WatchOut(BaseModel):
    """The event ``watch``: a call that can be monitored has begun, or has come to what is watched.

    ``because`` is what the account watches of it.
    """

    interaction: InteractionOut
    because: list[WatchedOut]
