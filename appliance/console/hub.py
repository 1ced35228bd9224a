"""Fan-out of changes to the event clients: coalesced interactions, everything else at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from appliance.console.alerts import Alerts
from appliance.console.check_views import CheckOut
from appliance.console.feed import Event, Feed
from appliance.console.metrics import Counters
from appliance.console.ports import Ports
from appliance.console.ports.monitoring import Notice, Unlisten
from appliance.console.settings import ConsoleError
from appliance.console.snapshot_view import SnapshotOut
from appliance.console.views import (
    DeviceOut,
    EndedInteractionOut,
    InteractionOut,
    MonitoringOut,
    PlatformOut,
    now,
)
from appliance.control_link.events import Levels, Quality
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Account, Permission, RefusedError
from appliance.monitoring.session import DeviceView, MonitoringView
from appliance.provisioning.updates.views import Progress

FLUSH_EVERY = 0.2
"""Seconds between two flushes of changed interactions; the latest state of each is sent."""

MAX_PENDING = 512
"""Changed interactions that may wait for a flush; beyond, clients get a fresh snapshot."""

CHECKS = frozenset({Permission.MONITOR_ALL_CALLS, Permission.MANAGE_DEVICE})
"""Whoever has one of these may try headset and panel."""

SEES_CALLS = frozenset({Permission.MONITOR_ALL_CALLS, Permission.VIEW_ALL_MONITORED_CALLS})


def sees_calls(account: Account) -> bool:
    """The account may know of calls at all (a technician may not)."""
    return not SEES_CALLS.isdisjoint(account.permissions)


def manages(account: Account) -> bool:
    """The account looks after the box itself."""
    return account.has(Permission.MANAGE_DEVICE)


class EventHub:
    """Listens to the domain once and tells every client. All methods belong to the loop."""

    def __init__(
        self, ports: Ports, counters: Counters, *, max_clients: int, page: str = ""
    ) -> None:
        self._ports, self._counters, self._max_clients = ports, counters, max_clients
        self._page = page
        self._feeds: set[Feed] = set()
        self._pending: set[str] = set()
        self._all_changed = False
        self._dirty = asyncio.Event()
        self._unlisten: list[Unlisten] = []
        self._alerts = Alerts(ports)
        self._shut = False

    def start(self) -> None:
        """Begin to listen."""
        self._unlisten = [
            self._ports.book.listen(self._interaction_changed),
            self._ports.monitoring.listen(self._noticed),
            self._ports.system.updates.listen(self._updating),
        ]

    def shut(self) -> None:
        """Stop listening and end every stream, so that the server can stop."""
        self._shut = True
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten = []
        for feed in self._feeds:
            feed.close()

    def open(self, account: Account, *, is_page: bool = True) -> Feed:
        """A new client, somebody's page or a script.

        Raises ConsoleError 503 when there are too many.
        """
        if self._shut or len(self._feeds) >= self._max_clients:
            raise ConsoleError(
                503, "too_many_clients", "Too many open pages. Close one and try again."
            )
        feed = Feed(account, is_page=is_page)
        self._feeds.add(feed)
        self._counters.event_clients = len(self._feeds)
        return feed

    def close(self, feed: Feed) -> None:
        """The client has gone."""
        self._feeds.discard(feed)
        self._counters.event_clients = len(self._feeds)

    def snapshot(self, feed: Feed) -> Event:
        """Everything but the list; from here on the feed gets changes."""
        feed.stale = False
        self._alerts.catch_up(feed)
        return self._snapshot(feed.account)

    def snapshot_for(self, account: Account) -> SnapshotOut:
        """What *account* may know of all but the list, now."""
        return SnapshotOut(
            as_of=now(),
            platform=PlatformOut.of(self._ports),
            active=len(self._ports.book.active) if sees_calls(account) else 0,
            monitoring=monitoring_body(account, self._ports.monitoring.current()),
            device=DeviceOut.of(self._ports.monitoring.device()),
            quality=self._quality(account),
            recent_mos=self._counters.recent_mos() if sees_calls(account) else [],
            update=self._ports.system.updates.progress if manages(account) else None,
            page=self._page,
        )

    def _snapshot(self, account: Account) -> Event:
        return Event("snapshot", self.snapshot_for(account).model_dump_json())

    def _quality(self, account: Account) -> dict[str, Any] | None:
        last = self._counters.quality
        if last is None or not sees_calls(account):
            return None
        return last.model_dump(mode="json", exclude={"type"})

    async def run(self) -> None:
        """Flush changed interactions for ever, at most every `FLUSH_EVERY` seconds."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._flush()
            await asyncio.sleep(FLUSH_EVERY)

    def _flush(self) -> None:
        pending, self._pending = self._pending, set()
        all_changed, self._all_changed = self._all_changed, False
        # A token may be permitted less than its account, and then it sees less.
        seen: dict[tuple[str, frozenset[Permission]], list[Event]] = {}
        for feed in self._feeds:
            if all_changed:
                feed.push(self._snapshot(feed.account))
            elif sees_calls(feed.account):
                key = (feed.account.name, feed.account.permissions)
                if key not in seen:
                    seen[key] = self._interaction_events(feed.account, pending)
                for event in seen[key]:
                    feed.push(event)

    def _interaction_events(self, account: Account, ids: set[str]) -> list[Event]:
        events = []
        for interaction_id in ids:
            try:
                row = self._ports.book.get(account, interaction_id)
            except RefusedError:
                data = EndedInteractionOut(id=interaction_id).model_dump_json()
            else:
                data = InteractionOut.of(row).model_dump_json()
            events.append(Event("interaction", data))
        return events

    def _interaction_changed(self, interaction_id: str | None) -> None:
        if not self._feeds:
            return
        if interaction_id is not None:
            self._pending.add(interaction_id)
        if interaction_id is None or len(self._pending) > MAX_PENDING:
            self._all_changed = True
            self._pending.clear()
        self._dirty.set()

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case MonitoringView():
                self._counters.saw_session(notice)
                for feed in self._feeds:
                    body = monitoring_body(feed.account, notice)
                    feed.push(Event("monitoring", json.dumps(body)))
            case DeviceView():
                event = Event("device", DeviceOut.of(notice).model_dump_json())
                for feed in self._feeds:
                    feed.push(event)
            case Alert():
                self._alerts.tell(notice, self._feeds)
            case CheckView():
                self._checked(notice)
            case Levels():
                self._counters.levels = (notice.downlink, notice.uplink)
                self._replace(Event("levels", notice.model_dump_json(exclude={"type"})))
            case Quality():
                self._counters.saw_quality(notice)
                self._replace(Event("quality", notice.model_dump_json(exclude={"type"})))

    def _updating(self, progress: Progress) -> None:
        event = Event("update", progress.model_dump_json())
        for feed in self._feeds:
            if manages(feed.account):
                feed.replace(event)  # the newest says it all

    def _checked(self, view: CheckView) -> None:
        """Each tells all, so the newest is enough."""
        event = Event("check", CheckOut.of(view).model_dump_json())
        for feed in self._feeds:
            if feed.account.permissions & CHECKS:
                feed.replace(event)

    def _replace(self, event: Event) -> None:
        for feed in self._feeds:
            if sees_calls(feed.account):
                feed.replace(event)


def monitoring_body(account: Account, view: MonitoringView) -> dict[str, Any]:
    """The session as *account* may see it: without calls' data only its state."""
    if sees_calls(account):
        return MonitoringOut.of(view).body()
    return {"state": view.state}
