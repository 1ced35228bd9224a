"""The brake on guessing passwords: decides before anything is hashed, and locks nobody out.

Browsers that signed in to the account before (OWASP's "device cookies") have a way of their own,
which no stranger's failures touch. Strangers share three limits: a growing pause for each
address, a bucket for each name, and one for all of them together, which bounds what a flood
costs. Half of each bucket is kept for addresses that have not failed lately, so that whoever
guesses leaves room for the owner who comes from elsewhere.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from appliance.console.throttle import Failures, too_many
from appliance.monitoring.account_rows import folded

DEVICE_TRIES = 10
"""Failures with a known browser within a quarter of an hour; then it is a stranger's."""
NAME_BURST, NAME_REFILL_S = 20.0, 30.0
"""Hashes that strangers may cost one name: at once, and then one each so many seconds."""
ALL_BURST, ALL_REFILL_S = 60.0, 1.0
"""The same for all names together."""
MAX_NAMES = 4096

_OTHERWISE = ", or use a browser that you have signed in with before"


class Bucket:
    """Fills up by one each *refill* seconds, up to *size*."""

    def __init__(self, size: float, refill: float, clock: Callable[[], float]) -> None:
        self._size, self._refill, self._clock = size, refill, clock
        self._level, self._at = size, clock()

    def wait(self, reserve: float) -> float:
        """Seconds until one can be taken that leaves *reserve*."""
        self._fill()
        return max(0.0, (reserve + 1.0 - self._level) * self._refill)

    def add(self, amount: float) -> None:
        """Take one with -1, give it back with 1."""
        self._fill()
        self._level = min(self._size, self._level + amount)

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._at) / self._refill)
        self._at = now


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that may be checked; it counts as failed until it is taken back."""

    name: str
    address: str
    device: str | None
    """The known browser, whose way it takes; None for a stranger's."""


class SignInBrake:
    """Who may have a password checked now."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._devices = Failures(clock)
        self._addresses = Failures(clock)
        self._names: OrderedDict[str, Bucket] = OrderedDict()
        self._all = Bucket(ALL_BURST, ALL_REFILL_S, clock)

    def admit(self, name: str, address: str, device: str | None) -> Attempt:
        """Count an attempt. Raises ConsoleError 429 for one that must wait, which costs nothing."""
        name, address = folded(name), group_of(address)
        if device is not None and self._devices.count(device) < DEVICE_TRIES:
            self._devices.add(device)
            return Attempt(name, address, device)
        bucket = self._bucket(name)
        fresh = self._addresses.count(address) == 0
        wait = max(
            self._addresses.pause(address),
            bucket.wait(0.0 if fresh else NAME_BURST / 2),
            self._all.wait(0.0 if fresh else ALL_BURST / 2),
        )
        if wait > 0:
            raise too_many(wait, _OTHERWISE)
        self._addresses.add(address)
        bucket.add(-1)
        self._all.add(-1)
        self._names[name] = bucket
        self._names.move_to_end(name)
        if len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
        return Attempt(name, address, None)

    def take_back(self, attempt: Attempt, *, hashed: bool) -> None:
        """It did not fail. Earlier failures still count: a guesser may have an account too."""
        if attempt.device is not None:
            self._devices.take_back(attempt.device)
            return
        self._addresses.take_back(attempt.address)
        self._bucket(attempt.name).add(1)
        if not hashed:
            self._all.add(1)

    def forgive(self, name: str, address: str) -> None:
        """Its owner stood at the box: failures of the name and of that address count no more."""
        self._names.pop(folded(name), None)
        self._addresses.forget(group_of(address))

    def _bucket(self, name: str) -> Bucket:
        return self._names.get(name) or Bucket(NAME_BURST, NAME_REFILL_S, self._clock)


def group_of(address: str) -> str:
    """One subscriber's addresses: a whole /64 of IPv6 is one machine's to choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
