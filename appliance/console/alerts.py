"""Who is told of a watched call: the account's open pages, and the one that it opens next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from appliance.console.feed import Event, Feed
from appliance.console.ports import Ports
from appliance.console.views import InteractionOut
from appliance.console.watch_views import WatchedOut, WatchOut
from appliance.monitoring.desk import Alert
from appliance.monitoring.policy import Permission, RefusedError

KEPT_S: Final = 5.0
"""From a page that closes to the next one's event stream, on a slow computer."""
MOST: Final = 32
"""The newest that are kept so long."""


class Alerts:
    """Each is told once to all clients of its account. The box itself says it only where somebody
    has a page open, for else a stranger at the desk would be told.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._missed: deque[tuple[float, Alert]] = deque(maxlen=MOST)

    def tell(self, alert: Alert, feeds: Iterable[Feed]) -> None:
        """Tell those of *feeds* that it is for. Where no page is among them, the next is told."""
        mine = [feed for feed in feeds if feed.account.name == alert.account]
        told = [feed for feed in mine if self._push(feed, alert)]
        if any(feed.is_page for feed in told):
            self._ports.monitoring.announce(alert.account)
        else:
            self._missed.append((time.monotonic(), alert))

    def catch_up(self, feed: Feed) -> None:
        """Tell a page that begins what nobody's page got: somebody came from another one."""
        if not feed.is_page:
            return
        since, account = time.monotonic() - KEPT_S, feed.account.name
        fresh = [(at, alert) for at, alert in self._missed if at >= since]
        self._missed = deque((one for one in fresh if one[1].account != account), maxlen=MOST)
        told = [self._push(feed, alert) for _, alert in fresh if alert.account == account]
        if any(told):
            self._ports.monitoring.announce(account)

    def _push(self, feed: Feed, alert: Alert) -> bool:
        """Whether there was anything to tell, and anybody to be told now."""
        if feed.stale or not feed.account.has(Permission.MONITOR_ALL_CALLS):
            return False
        try:
            row = self._ports.book.get(feed.account, alert.interaction.id)
        except RefusedError:
            return False  # over already
        because = [WatchedOut.of(one) for one in alert.because]
        told = WatchOut(interaction=InteractionOut.of(row), because=because)
        feed.push(Event("watch", told.model_dump_json()))
        return True
