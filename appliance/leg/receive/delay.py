"""The delay that the network asks for, from when packets come (samples at 48 kHz throughout).

The lateness of a packet is how much longer it was under way than the quickest of late; both come
from arrival minus timestamp, so that no clock need agree (RFC 3550 section 6.4.1). A quantile of
it sets the delay, as in WebRTC's NetEq; stalls are remembered for longer than the quantile sees.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from appliance.leg.receive.stalls import Stalls

MIN_DELAY = 720
"""15 ms: a packet waits up to 10 for its block. A machine that is late itself is late packets."""
MAX_DELAY = 14_400
MARGIN = 300
QUANTILE = 0.99
RECENT = 250
"""Packets that the quantile sees, and none older than `RECENT_SPAN`: the clocks drift."""
RECENT_SPAN = 48_000 * 10
STEP = 9_600
"""Packets that are suddenly quicker than all others by so much (0.2 s) are of another time-line."""
LOSS_MARGIN = 840
"""Under loss the packet after must be there too: it may hold the lost one (RFC 6716, 2.1.7)."""
LOSS_MEMORY = 500
"""Packets (10 s) for which a loss is remembered: to go to and fro between two delays costs more
than the longer one.
"""


class ArrivalStatistics:
    """Lateness of late, peaks and losses, and the delay that suits them."""

    def __init__(self) -> None:
        self.jitter = 0.0
        """Interarrival jitter, RFC 3550 section 6.4.1."""
        self.live = False
        """Whether the supervisor talks as well."""
        self._since_loss = self._before_loss = LOSS_MEMORY
        self.reset()

    def reset(self) -> None:
        """Another time-line begins: nothing before compares with it."""
        self._recent: deque[tuple[int, int]] = deque()
        self._transits: list[int] = []
        self._last_transit: int | None = None
        self._stalls = Stalls()
        self.target = MIN_DELAY

    @property
    def empty(self) -> bool:
        """Whether nothing was counted since `reset`."""
        return self._last_transit is None

    def add(self, timestamp: int, arrival: int) -> int:
        """Count a packet and return its lateness; *timestamp* is unwrapped."""
        transit = arrival - timestamp
        if self._transits and self._transits[0] - transit > STEP:
            self.reset()
        if self._last_transit is not None:
            self.jitter += (abs(transit - self._last_transit) - self.jitter) / 16
        self._last_transit = transit
        if self._transits:
            quickest = self._transits[0]
            usual = self._transits[int(len(self._transits) * QUANTILE)] - quickest
        else:
            quickest, usual = transit, 0
        if not self._stalls.note(arrival, transit - quickest, usual):
            self._keep(arrival, transit)
        self._aim(arrival, usual)
        return max(0, transit - quickest)

    def _keep(self, arrival: int, transit: int) -> None:
        self._recent.append((arrival, transit))
        insort(self._transits, transit)
        while len(self._recent) > RECENT or arrival - self._recent[0][0] > RECENT_SPAN:
            del self._transits[bisect_left(self._transits, self._recent.popleft()[1])]

    def _aim(self, arrival: int, usual: int) -> None:
        wanted = usual + MARGIN
        if self._since_loss < LOSS_MEMORY:
            wanted += LOSS_MARGIN
        wanted = max(wanted, self._stalls.wanted(arrival, live=self.live))
        self.target = min(MAX_DELAY, max(MIN_DELAY, wanted))

    def count_loss(self, *, lost: bool) -> None:
        """Tell of each packet whether it was missing when its time came."""
        if lost:
            self._before_loss, self._since_loss = self._since_loss, 0
        else:
            self._since_loss += 1

    def was_late(self) -> None:
        """What was told of as lost last came after all, and teaches lateness only."""
        self._since_loss += self._before_loss
        self._before_loss = 0
