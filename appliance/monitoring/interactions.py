"""The list of interactions: the platform's snapshot and changes, with who monitors what."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from appliance.control_link.words import EndReason
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.known_agents import KnownAgents
from appliance.monitoring.policy import (
    Account,
    Permission,
    Refusal,
    RefusedError,
    Running,
    monitor_refusal,
)
from appliance.monitoring.query import Query, order, search_text, wanted
from appliance.platforms.protocol import (
    Interaction,
    InteractionChanged,
    InteractionsSnapshot,
    Monitor,
    PlatformConnection,
)

log = logging.getLogger(__name__)

MAX_REMEMBERED_QUERIES = 100
MAX_MONITORS = 20
"""Monitors shown of one interaction, the newest."""


@dataclass(frozen=True, slots=True)
class Row:
    """An interaction as one account sees it: ``refusal`` says why Monitor is disabled.

    ``interaction.monitors`` holds what the platform and this box know together;
    ``interaction.monitorable`` is the platform's word alone.
    """

    interaction: Interaction
    refusal: Refusal | None

    @property
    def monitorable(self) -> bool:
        """Whether this account can monitor it now."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query's answer; ``total`` counts all pages."""

    rows: tuple[Row, ...]
    total: int
    as_of: datetime
    connected: bool


@dataclass(frozen=True, slots=True)
class Facets:
    """What can be filtered by, sorted, for the page's drop-downs."""

    agents: tuple[str, ...]
    queues: tuple[str, ...]
    flows: tuple[str, ...]


Change = str | None
"""The id of the interaction that changed, or ``None`` when many did."""


class InteractionBook:
    """All interactions of the platform, and those monitored before by this box."""

    def __init__(self, platform: str, *, remembered: int = 1000) -> None:
        self._platform = platform
        self._active: dict[str, Interaction] = {}
        self._texts: dict[str, str] = {}
        self._past: OrderedDict[str, Interaction] = OrderedDict()
        self._monitors: dict[str, tuple[Monitor, ...]] = {}
        self._remembered = remembered
        self._running: Running | None = None
        self._monitor: Monitor | None = None
        self._queries: OrderedDict[str, Query] = OrderedDict()
        self._listeners: list[Callable[[Change], None]] = []
        self.agents = KnownAgents()
        self.connection = PlatformConnection(connected=False, detail="Connecting.")
        self.as_of = datetime.now(UTC)

    # -- what the platform reports

    def take(self, event: PlatformConnection | InteractionsSnapshot | InteractionChanged) -> None:
        """Take up what the driver reports."""
        match event:
            case PlatformConnection():
                self.connection = event
                self._changed(None)
                return
            case InteractionsSnapshot():
                self._active = {
                    item.id: item for item in event.interactions if item.state != "ended"
                }
                self._texts = {item.id: search_text(item) for item in self._active.values()}
                for item in self._active.values():
                    self.agents.see(item)
                changed = None
            case InteractionChanged(interaction):
                changed = interaction.id
                if interaction.state == "ended":
                    self._active.pop(changed, None)
                    self._texts.pop(changed, None)
                    if changed in self._past:
                        self._past[changed] = interaction
                else:
                    self._active[changed] = interaction
                    self._texts[changed] = search_text(interaction)
                    self.agents.see(interaction)
        self.as_of = datetime.now(UTC)
        self._changed(changed)

    # -- what this box does

    def set_running(self, running: Running | None, monitor: Monitor | None) -> None:
        """Say what the box is busy with, and how that shows in the interaction's monitors."""
        if (running, monitor) == (self._running, self._monitor):
            return
        touched = {item.interaction_id for item in (running, self._running) if item}
        everybody = (running is None) != (self._running is None)
        self._running, self._monitor = running, monitor
        if everybody:  # each row's reason changes
            self._changed(None)
        else:
            for interaction_id in touched:
                self._changed(interaction_id)

    def remember(self, interaction: Interaction, monitor: Monitor) -> None:
        """Keep an ended session's interaction on the list of what was monitored."""
        known = self._monitors.get(interaction.id, ())
        self._monitors[interaction.id] = (*known, monitor)[-MAX_MONITORS:]
        self._past[interaction.id] = replace(interaction, state="ended")
        self.agents.see(interaction)
        self._past.move_to_end(interaction.id)
        while len(self._past) > self._remembered:
            forgotten, _ = self._past.popitem(last=False)
            self._monitors.pop(forgotten, None)
        self._changed(interaction.id)

    def recall(self, records: Iterable[SessionRecord]) -> None:
        """Take up ended sessions from history, oldest first."""
        for record in records:
            if record.platform == self._platform:
                monitor = Monitor(
                    record.supervisor,
                    bool(record.barges),
                    record.started_at,
                    record.ended_at,
                    record.sound,
                )
                self.remember(record.interaction, monitor)

    # -- what people ask

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call *listener* at each change, on the loop; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def active(self) -> Mapping[str, Interaction]:
        """The active interactions by id; a snapshot of the platform's puts others in its place."""
        return self._active

    def find(self, interaction_id: str) -> Interaction | None:
        """The active interaction of that id, as the platform tells it."""
        return self._active.get(interaction_id)

    def get(self, account: Account, interaction_id: str) -> Row:
        """One interaction. Raises `RefusedError` ``not_found``."""
        interaction = self._active.get(interaction_id) or self._past.get(interaction_id)
        hidden = (
            interaction_id not in self._active
        )  # then only who may know of its monitors sees it
        if interaction is None or (hidden and not self._marks(account, interaction)):
            raise RefusedError("There is no such call; it may have ended.", code="not_found")
        return self._row(account, interaction)

    def query(self, account: Account, query: Query) -> Page:
        """One page of what *query* asks for, as *account* sees it.

        It is the list from now on that the hang-up button, held, steps through.
        """
        self._queries[account.name] = query
        self._queries.move_to_end(account.name)
        while len(self._queries) > MAX_REMEMBERED_QUERIES:
            self._queries.popitem(last=False)
        found = self._select(account, query)
        start = (query.page - 1) * query.per_page
        rows = tuple(self._row(account, item) for item in found[start : start + query.per_page])
        return Page(rows, len(found), self.as_of, self.connection.connected)

    def next_after(self, account: Account, interaction_id: str) -> Interaction | None:
        """The next one that *account* could monitor in their last list, round and round."""
        query = self._queries.get(account.name, Query())
        found = self._select(account, query)
        place = next((n for n, item in enumerate(found) if item.id == interaction_id), -1)
        for item in (*found[place + 1 :], *found[: max(place, 0)]):
            if monitor_refusal(account, item, self._platform, None) is None:
                return item
        return None

    def facets(self) -> Facets:
        """The agents, queues and flows of the active interactions."""
        active = self._active.values()
        return Facets(
            tuple(sorted({agent.name for item in active for agent in item.agents})),
            tuple(sorted({item.queue for item in active if item.queue})),
            tuple(sorted({item.flow for item in active if item.flow})),
        )

    # -- inside

    def _select(self, account: Account, query: Query) -> list[Interaction]:
        pool: Iterable[Interaction]
        marked = [item for item in self._touched() if self._marks(account, item)]
        if query.show == "active":
            pool = self._active.values()
        elif query.show == "monitored":
            pool = marked
        else:
            pool = [*self._active.values(), *(i for i in marked if i.id not in self._active)]
        found = [
            item
            for item in pool
            if wanted(query, item, self._texts.get(item.id))
            and (
                query.monitored == "all"
                or (query.monitored == "yes") == self._monitored_now(account, item)
            )
        ]
        order(query, found)
        return found

    def _touched(self) -> list[Interaction]:
        """Every interaction that this box monitors or monitored, as it is known last."""
        ids = dict.fromkeys(self._past)
        if self._running is not None and self._running.interaction_id in self._active:
            ids[self._running.interaction_id] = None
        return [self._active.get(id_) or self._past[id_] for id_ in ids]

    def _marks(self, account: Account, interaction: Interaction) -> tuple[Monitor, ...]:
        """The box's own monitors of it, as far as the account may know of them."""
        own = self._monitors.get(interaction.id, ())
        if self._running is not None and self._running.interaction_id == interaction.id:
            own = (*own, self._monitor) if self._monitor else own
        if account.has(Permission.VIEW_ALL_MONITORED_CALLS):
            return own
        return tuple(mark for mark in own if mark.supervisor == account.name)

    def _all_marks(self, account: Account, interaction: Interaction) -> tuple[Monitor, ...]:
        own = self._marks(account, interaction)
        if not interaction.monitors:
            return own
        names = {mark.supervisor for mark in own}
        see_all = account.has(Permission.VIEW_ALL_MONITORED_CALLS)
        others = (mark for mark in interaction.monitors if mark.supervisor not in names)
        return (*(m for m in others if see_all or m.supervisor == account.name), *own)

    def _monitored_now(self, account: Account, interaction: Interaction) -> bool:
        return any(mark.ended_at is None for mark in self._all_marks(account, interaction))

    def _row(self, account: Account, interaction: Interaction) -> Row:
        refusal = monitor_refusal(account, interaction, self._platform, self._running)
        if refusal is None and not self.connection.connected:
            words = self.connection.detail or "The call platform cannot be reached now."
            refusal = Refusal("platform_lost", words, EndReason.PLATFORM_LOST)
        return Row(replace(interaction, monitors=self._all_marks(account, interaction)), refusal)

    def _changed(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)
