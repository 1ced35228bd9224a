"""The JSON shapes of what is watched, and of the event that tells of a watched call."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from appliance.console.views import InteractionOut
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.watches import MAX_WATCHES, Kind, Watched


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
    """What the account watches on this platform, how much it may, and what else there is:
    the agents who were in calls lately, and the queues that have calls.
    """

    items: list[WatchedOut]
    most: int
    offered: list[WatchedOut]

    @classmethod
    def of(cls, watched: list[Watched], book: InteractionBook) -> Self:
        """From the domain."""
        there = [Watched(Kind.AGENT, agent.id, agent.name) for agent in book.agents.by_name()]
        there += [Watched(Kind.QUEUE, queue, queue) for queue in book.facets().queues]
        known = {one.key for one in watched}
        return cls(
            items=[WatchedOut.of(one) for one in watched],
            most=MAX_WATCHES,
            offered=[WatchedOut.of(one) for one in there if one.key not in known],
        )


class WatchOut(BaseModel):
    """The event ``watch``: a call that can be monitored has begun, or has come to what is watched.

    ``because`` is what the account watches of it.
    """

    interaction: InteractionOut
    because: list[WatchedOut]
