"""The list of interactions as CxEngage's statistic gives it, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from appliance.control_link.words import EndReason
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.protocol import (
    Agent,
    Interaction,
    InteractionState,
    Monitor,
    PlatformError,
)

REQUEST = {"requests": {"w1": {"statistic": "interactions-in-conversation-list"}}}
MOST_ROWS = 20_000
STATES: dict[str, InteractionState] = {
    "in-conversation": "in-conversation",
    "on-hold": "on-hold",
    "hold": "on-hold",
}


def _cut(value: object) -> object:
    """Texts of any kind, cut; nothing as empty."""
    if isinstance(value, str | int):
        return str(value)[:300]
    return "" if value is None else value


def _when(value: object) -> datetime | None:
    """RFC 3339 text or milliseconds since 1970; what is neither is unknown."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value[:40].replace("Z", "+00:00"))
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


Text = Annotated[str, BeforeValidator(_cut)]
Time = Annotated[datetime | None, BeforeValidator(_when)]


class Line(BaseModel):
    """Common form."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True
    )


class AgentLine(Line):
    """One agent on the call."""

    agent_id: Annotated[Text, Field(min_length=1)]
    agent_name: Text = ""
    groups: Any = None
    skills: Any = None


class MonitorLine(Line):
    """One monitor, present or past."""

    agent_id: Text = ""
    agent_name: Text = ""
    barged_in: bool | None = False
    start_timestamp: Time = None
    end_timestamp: Time = None


class RowLine(Line):
    """One interaction."""

    interaction_id: Annotated[Text, Field(min_length=1)]
    agents: Annotated[list[AgentLine] | None, Field(max_length=200)] = None
    customer: Text = ""
    contact_point: Text = ""
    flow_name: Text = ""
    channel_type: Text = "voice"
    direction: Text = ""
    state: Text = "in-conversation"
    start_timestamp: Time = None
    conversation_start_timestamp: Time = None
    current_state_duration: Any = None
    monitors: Annotated[list[MonitorLine] | None, Field(max_length=1000)] = None


@dataclass(frozen=True, slots=True)
class Row:
    """An interaction, and what of it concerns our own account."""

    interaction: Interaction
    own_call: bool
    """Our account is an agent on it."""
    monitored_by_us: bool

    def ended(self) -> Interaction:
        """The interaction once it is over."""
        return replace(self.interaction, state="ended")


@dataclass(frozen=True, slots=True)
class Rights:
    """Who reads the list, and whether they may monitor."""

    user_id: str
    may_monitor: bool


def rows_of(answer: Any, rights: Rights, known: dict[str, Row], oddities: Oddities) -> list[Row]:
    """The voice interactions. Raises `PlatformError` when the whole is not in the known form.

    A row that cannot be read is left out, with a line in the log. *known* are the rows of before:
    a call without a start keeps the one that it was given first.
    """
    try:
        found = answer["results"]["w1"]["body"]["results"]["interactions"]
    except (KeyError, TypeError) as error:
        raise _unknown() from error
    if not isinstance(found, list):
        raise _unknown()
    rows: dict[str, Row] = {}
    for item in found[:MOST_ROWS]:
        try:
            line = RowLine.model_validate(item)
        except ValidationError as error:
            oddities.note("row in the list", error.errors(include_input=False)[0]["loc"])
            continue
        oddities.fields("the list", line.model_extra or ())
        if line.channel_type in ("voice", ""):
            rows[line.interaction_id] = _row(line, rights, known, oddities)
    return list(rows.values())


def _row(line: RowLine, rights: Rights, known: dict[str, Row], oddities: Oddities) -> Row:
    if line.state not in STATES:
        oddities.met("state in the list", line.state)
    before = known.get(line.interaction_id)
    started = line.start_timestamp or line.conversation_start_timestamp
    if started is None:
        started = before.interaction.started_at if before else _begun(line.current_state_duration)
    agents = tuple(Agent(one.agent_id, one.agent_name or one.agent_id) for one in line.agents or ())
    own = any(agent.id == rights.user_id for agent in agents)
    refusal = EndReason.OWN_CALL if own else None
    if not rights.may_monitor:
        refusal = EndReason.NOT_PERMITTED
    monitors = line.monitors or []
    return Row(
        Interaction(
            id=line.interaction_id,
            channel="voice",
            direction=_direction(line.direction, oddities),
            agents=agents,
            customer=line.customer,
            contact_point=line.contact_point,
            queue="",
            flow=line.flow_name,
            state=STATES.get(line.state, "in-conversation"),
            started_at=started,
            monitorable=refusal is None,
            not_monitorable_reason=refusal,
            monitors=tuple(
                Monitor(
                    one.agent_name or one.agent_id,
                    bool(one.barged_in),
                    one.start_timestamp or started,
                    one.end_timestamp,
                )
                for one in monitors
            ),
        ),
        own_call=own,
        monitored_by_us=any(
            one.agent_id == rights.user_id and one.end_timestamp is None for one in monitors
        ),
    )


def _direction(said: str, oddities: Oddities) -> Literal["inbound", "outbound"]:
    if said not in ("inbound", "outbound"):
        oddities.met("direction in the list", said)
    return "outbound" if said in ("outbound", "agent-initiated") else "inbound"


def _begun(duration_ms: object) -> datetime:
    usable = isinstance(duration_ms, int | float) and 0 <= duration_ms < 10**10
    ago = float(duration_ms) if usable else 0.0  # type: ignore[arg-type]
    return datetime.now(UTC) - timedelta(milliseconds=ago)


def _unknown() -> PlatformError:
    return PlatformError(
        "CxEngage answers the list in an unknown form; tell whoever maintains the box."
    )
