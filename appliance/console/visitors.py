"""Who is connected to the page, and who gives way when every place is taken.

A connection costs a stranger nothing, so there is always a place for one more: the newcomer takes
that of a connection which never showed a valid sign-in. Only the signed-in keep theirs.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from appliance.console.metrics import Counters

log = logging.getLogger(__name__)

SPARE = 200
"""Places beside those of the event streams."""
FAIR_SHARE = 8
"""Connections of one address that are not held against it: a browser opens six."""
TELL_EVERY_S = 60.0

Peer = tuple[str, int]
"""A client's address and port, which no two connections share."""


@dataclass(slots=True, eq=False)
class Visit:
    """One connection, from before its TLS handshake to its end."""

    peer: Peer
    since: float
    """When it began to do what it does now; seconds of the monotonic clock."""
    known: bool = False
    """A request with a valid sign-in came over it."""
    busy: bool = False
    """A whole request came and is being answered."""
    end: Callable[[], object] = lambda: None
    """Closes it at once; set by whoever has it in hands."""
    more_time: Callable[[], object] = lambda: None
    """Lets a long body go on to come; set likewise."""


class Visitors:
    """At most *limit* connections."""

    def __init__(
        self, limit: int, counters: Counters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._counters, self._clock = limit, counters, clock
        self._visits: dict[Peer, Visit] = {}
        self._told = -TELL_EVERY_S

    def __len__(self) -> int:
        return len(self._visits)

    def enter(self, peer: Peer) -> Visit | None:
        """A place for a new connection; None when all are in use by the signed-in."""
        if len(self._visits) >= self._limit and not self.make_room():
            return None
        visit = self._visits[peer] = Visit(peer, self._clock())
        return visit

    def turn(self, visit: Visit, *, busy: bool) -> None:
        """The connection does something else from now on."""
        visit.busy, visit.since = busy, self._clock()

    def leave(self, visit: Visit) -> None:
        """The connection is over; may be told twice."""
        if self._visits.get(visit.peer) is visit:
            del self._visits[visit.peer]

    def vouch(self, peer: Peer | None) -> None:
        """A valid sign-in came over this connection."""
        visit = None if peer is None else self._visits.get(peer)
        if visit is not None:
            visit.known = True

    def comes_on(self, peer: Peer | None) -> None:
        """A long body that is wanted has come on: its sender gets the time of a request again."""
        visit = None if peer is None else self._visits.get(peer)
        if visit is not None:
            visit.more_time()

    def make_room(self) -> bool:
        """End the connection that is missed least; False when there is none such."""
        strangers = Counter(visit.peer[0] for visit in self._visits.values() if not visit.known)

        def missed(visit: Visit) -> tuple[bool, int, bool, float]:
            crowd = max(FAIR_SHARE, strangers[visit.peer[0]])
            return visit.known, 0 if visit.known else -crowd, visit.busy, visit.since

        candidates = [v for v in self._visits.values() if not (v.known and v.busy)]
        if not candidates:
            return False
        visit = min(candidates, key=missed)
        self.leave(visit)
        visit.end()
        self._counters.displaced += 1
        self._tell()
        return True

    def _tell(self) -> None:
        now = self._clock()
        if now - self._told < TELL_EVERY_S:
            return
        self._told = now
        log.warning(
            "all %d connections to the page are taken; those without a sign-in give way "
            "(%d so far)",
            self._limit,
            self._counters.displaced,
        )
