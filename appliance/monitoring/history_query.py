"""What can be asked of history: filters, search, sorting and paging, as SQL over ``session_list``.

Text is compared case-folded, in all scripts; SQLite's own functions know ASCII only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from appliance.control_link.words import EndReason
from appliance.monitoring.query import MAX_TEXT, QueryError

Barged = Literal["all", "yes", "no"]

MAX_PER_PAGE = 10_000
"""As many as the list of interactions recalls at the start."""

SORTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "started_at": "started_at",
        "supervisor": "supervisor",
        "agent": "agent",
        "customer": "customer",
        "queue": "queue",
        "flow": "flow",
        "direction": "direction",
        "length": "length_s",
        "barged": "barged_s",
        "end_reason": "end_reason",
        "mos": "mos",
    }
)
"""What can be sorted by, and its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A question to history. Empty filters let everything through.

    ``search`` are words of which each is any part of a name, number, queue, flow or id;
    ``supervisor``, ``queue`` and ``flow`` are whole names, ``agent`` a whole name or id, upper and
    lower case alike; ``interaction`` is an id as the platform writes it. Sessions begin from
    ``since`` on and before ``until``. Raises `QueryError`.
    """

    search: str = ""
    supervisor: str = ""
    agent: str = ""
    queue: str = ""
    flow: str = ""
    direction: str = ""
    interaction: str = ""
    end_reason: str = ""
    barged: Barged = "all"
    since: datetime | None = None
    until: datetime | None = None
    sort: str = "-started_at"
    page: int = 1
    per_page: int = 50

    def __post_init__(self) -> None:
        if self.barged not in get_args(Barged):
            raise QueryError(f"barged is one of {', '.join(get_args(Barged))}.")
        if self.direction not in {"", "inbound", "outbound"}:
            raise QueryError("direction is inbound or outbound.")
        if self.end_reason and self.end_reason not in set(EndReason):
            raise QueryError(f"end_reason is one of {', '.join(EndReason)}.")
        if self.sort.removeprefix("-") not in SORTS:
            raise QueryError(f"sort is one of {', '.join(SORTS)}, - for descending.")
        if self.page < 1 or not 1 <= self.per_page <= MAX_PER_PAGE:
            raise QueryError(f"page counts from 1 and per_page from 1 to {MAX_PER_PAGE}.")
        texts = (self.search, self.supervisor, self.agent, self.queue, self.flow, self.interaction)
        if any(len(text) > MAX_TEXT for text in texts):
            raise QueryError(f"A search or filter has at most {MAX_TEXT} characters.")
        try:
            self.where(None)
        except OverflowError:
            raise QueryError("A moment is in the years 1 to 9999.") from None

    def where(self, only: str | None) -> tuple[str, list[object]]:
        """The SQL condition and its values; *only* is whose sessions may be seen, None for all."""
        conditions = list(self._conditions(only))
        text = " AND ".join(condition for condition, _ in conditions) or "TRUE"
        return text, [value for _, value in conditions]

    def order(self) -> str:
        """The SQL order: what is not known comes last, equal ones newest first."""
        column = SORTS[self.sort.removeprefix("-")]
        way = "DESC" if self.sort.startswith("-") else "ASC"
        if column == "started_at":  # as the table lies
            return f"started_at {way}, session_id {way}"
        return f"{column} IS NULL, {column} {way}, started_at DESC, session_id DESC"

    def _conditions(self, only: str | None) -> Iterator[tuple[str, object]]:
        if only is not None:
            yield "supervisor_as_written = ?", only
        for column in ("supervisor", "queue", "flow"):
            if value := getattr(self, column):
                yield f"{column} = ?", value.casefold()
        for column in ("direction", "end_reason"):
            if value := getattr(self, column):
                yield f"{column} = ?", value
        if self.interaction:
            yield "interaction_id_as_written = ?", self.interaction
        if self.agent:
            yield "instr (agents, ?)", f"\n{self.agent.casefold()}\n"
        if self.barged != "all":
            yield "(barges > 0) = ?", self.barged == "yes"
        if self.since is not None:
            yield "started_at >= ?", _moment(self.since)
        if self.until is not None:
            yield "started_at < ?", _moment(self.until)
        for word in self.search.casefold().split():
            yield "instr (words, ?)", word


def _moment(at: datetime) -> str:
    """As the database writes times; one without a zone is UTC."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
