"""Who is signed in with which cookie: random, server-side, bounded."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

COOKIE = "bargebox_session"


@dataclass(slots=True)
class WebSession:
    """One browser's sign-in. Times are seconds of the monotonic clock."""

    account: str
    created: float
    used: float


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A sign-in on paper: the cookie's SHA-256, and times as seconds of the wall clock."""

    key: str
    account: str
    created: float
    used: float


class WebSessions:
    """Sign-ins by the SHA-256 of their cookie, so that reading them gives no usable cookie.

    When full, the sign-in unused for longest gives way.
    """

    def __init__(
        self,
        *,
        idle: float,
        longest: float,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle, self._longest, self._limit, self._clock = idle, longest, limit, clock
        self._sessions: OrderedDict[bytes, WebSession] = OrderedDict()

    def open(self, account: str) -> str:
        """Sign *account* in and return the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        while len(self._sessions) >= self._limit:
            self._sessions.popitem(last=False)
        self._sessions[_key(cookie)] = WebSession(account, now, now)
        return cookie

    def use(self, cookie: str) -> WebSession | None:
        """The living session of a cookie, marked as used now."""
        key = _key(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock()
        if now - session.used > self._idle or now - session.created > self._longest:
            del self._sessions[key]
            return None
        session.used = now
        self._sessions.move_to_end(key)
        return session

    def close(self, cookie: str) -> None:
        """Sign out."""
        self._sessions.pop(_key(cookie), None)

    def close_account(self, account: str, *, keep: str = "") -> None:
        """Sign *account* out everywhere, except from the cookie *keep*."""
        kept = _key(keep)
        gone = [k for k, s in self._sessions.items() if s.account == account and k != kept]
        for key in gone:
            del self._sessions[key]

    def kept(self, wall: float) -> list[KeptSession]:
        """All of them, unused for longest first; *wall* is the time now."""
        ahead = wall - self._clock()
        return [
            KeptSession(key.hex(), s.account, s.created + ahead, s.used + ahead)
            for key, s in self._sessions.items()
        ]

    def take_up(self, kept: Iterable[KeptSession], wall: float) -> None:
        """Go on with the sign-ins of a former process.

        One from the future is left out: the clock was set back, so nobody knows its age.
        """
        ahead = wall - self._clock()
        for one in kept:
            if one.created <= one.used <= wall and len(self._sessions) < self._limit:
                session = WebSession(one.account, one.created - ahead, one.used - ahead)
                self._sessions[bytes.fromhex(one.key)] = session

    def __len__(self) -> int:
        return len(self._sessions)


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
