"""What can be asked of the list of interactions: filters, search, sorting and paging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from appliance.platforms.protocol import Interaction
from appliance.service.errors import BargeboxError

Show = Literal["active", "monitored", "all"]
Monitored = Literal["yes", "no", "all"]

MAX_TEXT = 200
MAX_PER_PAGE = 500


class QueryError(BargeboxError):
    """The question is not one that can be asked."""

    code = "invalid_query"


def _agent(interaction: Interaction) -> str:
    return interaction.agents[0].name.casefold() if interaction.agents else ""


COLUMNS: Final[Mapping[str, Callable[[Interaction], Any]]] = MappingProxyType(
    {
        "id": lambda item: item.id,
        "channel": lambda item: item.channel.casefold(),
        "direction": lambda item: item.direction,
        "agent": _agent,
        "customer": lambda item: item.customer.casefold(),
        "contact_point": lambda item: item.contact_point.casefold(),
        "queue": lambda item: item.queue.casefold(),
        "flow": lambda item: item.flow.casefold(),
        "state": lambda item: item.state,
        "started_at": lambda item: item.started_at,
        "monitorable": lambda item: item.monitorable,
    }
)
"""Columns to sort by. ``elapsed`` is ``started_at`` the other way round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to the list. Empty filters let everything through.

    ``agent`` is an agent's id or whole name, ``queue`` and ``flow`` whole names, upper and lower
    case alike; ``search`` is any part of any of them. ``sort`` is a column, with ``-`` before it
    for descending; by default the oldest call comes first, so that new ones do not push the rows.
    Raises `QueryError`.
    """

    show: Show = "active"
    search: str = ""
    agent: str = ""
    queue: str = ""
    flow: str = ""
    direction: str = ""
    monitored: Monitored = "all"
    sort: str = "started_at"
    page: int = 1
    per_page: int = 50

    def __post_init__(self) -> None:
        if self.show not in get_args(Show):
            raise QueryError(f"show is one of {', '.join(get_args(Show))}.")
        if self.monitored not in get_args(Monitored):
            raise QueryError(f"monitored is one of {', '.join(get_args(Monitored))}.")
        if self.direction not in {"", "inbound", "outbound"}:
            raise QueryError("direction is inbound or outbound.")
        if self.column not in COLUMNS and self.column != "elapsed":
            raise QueryError(f"sort is one of {', '.join(COLUMNS)} or elapsed, - for descending.")
        if self.page < 1 or not 1 <= self.per_page <= MAX_PER_PAGE:
            raise QueryError(f"page counts from 1 and per_page from 1 to {MAX_PER_PAGE}.")
        if any(len(t) > MAX_TEXT for t in (self.search, self.agent, self.queue, self.flow)):
            raise QueryError(f"A search or filter has at most {MAX_TEXT} characters.")

    @property
    def column(self) -> str:
        """The column to sort by."""
        return self.sort.removeprefix("-")


def wanted(query: Query, item: Interaction, text: str | None) -> bool:
    """Whether *item* passes the filters; *text* is its case-folded search text, if it is known."""
    if query.direction and item.direction != query.direction:
        return False
    if query.queue and item.queue.casefold() != query.queue.casefold():
        return False
    if query.flow and item.flow.casefold() != query.flow.casefold():
        return False
    if query.agent:
        name = query.agent.casefold()
        if not any(
            agent.id == query.agent or agent.name.casefold() == name for agent in item.agents
        ):
            return False
    if not query.search:
        return True
    return all(word in (text or search_text(item)) for word in query.search.casefold().split())


def search_text(interaction: Interaction) -> str:
    """What a search looks through."""
    agents = (f"{agent.name} {agent.id}" for agent in interaction.agents)
    parts = (
        interaction.id,
        interaction.customer,
        interaction.contact_point,
        interaction.queue,
        interaction.flow,
        *agents,
    )
    return "\n".join(parts).casefold()


def order(query: Query, items: list[Interaction]) -> None:
    """Sort *items* in place; equal ones by id, so that pages never overlap."""
    column, descending = query.column, query.sort.startswith("-")
    if column == "elapsed":
        column, descending = "started_at", not descending
    items.sort(key=COLUMNS["id"])
    items.sort(key=COLUMNS[column], reverse=descending)
