"""Watched calls that no page was told of: whoever goes from one page to the next has none open."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from appliance.monitoring.desk import Alert

KEPT_S: Final = 5.0
"""From a page that closes to the next one's event stream, on a slow computer."""
MOST: Final = 32


class Missed:
    """The newest `MOST` of the last `KEPT_S` seconds."""

    def __init__(self) -> None:
        self._all: deque[tuple[float, Alert]] = deque(maxlen=MOST)

    def keep(self, alert: Alert) -> None:
        """Nobody's page was there for it."""
        self._all.append((time.monotonic(), alert))

    def take(self, account: str) -> list[Alert]:
        """What *account* has missed, oldest first; it is not kept any longer."""
        since = time.monotonic() - KEPT_S
        fresh = [(at, alert) for at, alert in self._all if at >= since]
        self._all = deque((one for one in fresh if one[1].account != account), maxlen=MOST)
        return [alert for _, alert in fresh if alert.account == account]
