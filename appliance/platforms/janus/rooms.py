"""The calls: VideoRooms whose description is the JSON object that ``docs/janus.md`` explains."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from appliance.control_link.words import EndReason
from appliance.platforms.janus import names
from appliance.platforms.protocol import Agent, Interaction

log = logging.getLogger(__name__)

MAX_ROOMS = 10_000
MAX_DESCRIPTION = 8 * 1024
"""Characters of a description that are read at all."""

Text = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(min_length=1, max_length=128)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DescribedAgent(_Part):
    """An agent on the call."""

    id: Id
    name: Text = ""


class Description(_Part):
    """A room's description."""

    agents: Annotated[tuple[DescribedAgent, ...], Field(max_length=16)] = ()
    customer: Text = ""
    customer_feed: Id = "customer"
    contact_point: Text = ""
    queue: Text = ""
    flow: Text = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    state: Literal["ringing", "in-conversation", "on-hold", "transferring"] = "in-conversation"
    started_at: Annotated[AwareDatetime, Field(strict=True)]
    monitoring: Literal["on", "off", "absent"] = "absent"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A room that is a call."""

    interaction: Interaction
    customer_feed: str


_REFUSALS = {
    "off": EndReason.MONITORING_DISABLED,
    "absent": EndReason.NO_MONITORING_OBJECT,
}


def read_call(room: str, description: str) -> Call | None:
    """The call in *room*; None when its description is none of ours. Never raises."""
    if len(description) > MAX_DESCRIPTION or not 1 <= len(room) <= 128:
        return None
    try:
        told = Description.model_validate_json(description)
        started_at = told.started_at.astimezone(UTC)
    except (ValidationError, OverflowError):  # the year 1 in an eastern time zone
        return None
    refusal = _REFUSALS.get(told.monitoring)
    return Call(
        Interaction(
            id=room,
            channel="voice",
            direction=told.direction,
            agents=tuple(Agent(agent.id, agent.name or agent.id) for agent in told.agents),
            customer=told.customer,
            contact_point=told.contact_point,
            queue=told.queue,
            flow=told.flow,
            state=told.state,
            started_at=started_at,
            monitorable=refusal is None,
            not_monitorable_reason=refusal,
        ),
        told.customer_feed,
    )


class Book:
    """The calls as the last look at the rooms showed them."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self._read: dict[tuple[str, str], Call | None] = {}
        """Descriptions that were understood before, or not: most rooms have not changed."""
        self._complained = False

    def take(self, listed: Iterable[object]) -> list[Interaction]:
        """A new look at all rooms; returns what changed, calls that are over included."""
        read: dict[tuple[str, str], Call | None] = {}
        calls: dict[str, Call] = {}
        for item in listed:
            if (key := _key(item)) is None:
                continue
            call = self._read[key] if key in self._read else self._first_read(key)
            read[key] = call
            if call is not None:
                calls[key[0]] = call
            if len(read) >= MAX_ROOMS:
                break
        changed = [call.interaction for room, call in calls.items() if self.calls.get(room) != call]
        over = [
            dataclasses.replace(call.interaction, state="ended")
            for room, call in self.calls.items()
            if room not in calls
        ]
        self.calls, self._read = calls, read
        return over + changed

    def _first_read(self, key: tuple[str, str]) -> Call | None:
        call = read_call(*key)
        if call is None and not self._complained:
            self._complained = True
            log.info("room %.128r is no call: its description is not ours", key[0])
        return call


def _key(item: object) -> tuple[str, str] | None:
    """Room and description of an entry of Janus's list, if it has both as text.

    A room of a box's own is left aside.
    """
    if not isinstance(item, dict):
        return None
    entry: dict[str, Any] = item
    room, description = entry.get("room"), entry.get("description")
    if not isinstance(room, str) or room.startswith(names.PREFIX):
        return None
    if isinstance(description, str):
        return room, description
    return None
