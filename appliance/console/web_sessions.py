"""Who is signed in with which cookie: random, server-side, bounded."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.monitoring.policy import Account

COOKIE = "bargebox_session"
MAX_OF_ONE = 20
"""Sign-ins of one account, so that none pushes the others out."""


@dataclass(slots=True)
class WebSession:
    """One browser's sign-in. Times are seconds of the monotonic clock."""

    account: str
    created: float
    used: float
    stamp: str = ""
    """The account's when it signed in; it ends when the account has another one."""
    address: str = ""
    browser: str = ""
    coming: str | None = None
    """The stamp that the account is being given, which this sign-in outlasts."""

    def is_of(self, account: Account) -> bool:
        """Whether the account, as it is now, is signed in with it."""
        return account.stamp in {self.stamp, self.coming}


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A sign-in on paper: the cookie's SHA-256, and times as seconds of the wall clock."""

    key: str
    account: str
    created: float
    used: float
    stamp: str = ""
    address: str = ""
    browser: str = ""

    @property
    def id(self) -> str:
        """What it is called in lists; it tells nothing of the cookie."""
        return self.key[:16]


class WebSessions:
    """Sign-ins by the SHA-256 of their cookie, so that reading them gives no usable cookie.

    When full, the sign-in unused for longest gives way, of the same account where it has many.
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

    def open(self, account: Account, *, address: str = "", browser: str = "") -> str:
        """Sign *account* in and return the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        own = [key for key, s in self._sessions.items() if s.account == account.name]
        for key in own[: max(0, len(own) - MAX_OF_ONE + 1)]:
            del self._sessions[key]
        while len(self._sessions) >= self._limit:
            self._sessions.popitem(last=False)
        self._sessions[_key(cookie)] = WebSession(
            account.name, now, now, account.stamp, address, browser
        )
        return cookie

    def use(self, cookie: str) -> WebSession | None:
        """The living session of a cookie, marked as used now."""
        key = _key(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock()
        if self._over(session):
            del self._sessions[key]
            return None
        session.used = now
        self._sessions.move_to_end(key)
        return session

    def close(self, cookie: str) -> None:
        """Sign out."""
        self._sessions.pop(_key(cookie), None)

    def close_account(self, account: str, *, keep: str = "") -> int:
        """Sign *account* out everywhere, except from the cookie *keep*; how often it was."""
        kept = _key(keep)
        gone = [k for k, s in self._sessions.items() if s.account == account and k != kept]
        for key in gone:
            del self._sessions[key]
        return len(gone)

    def expect(self, cookie: str, stamp: str) -> None:
        """The sign-in of *cookie* goes on while its account is given *stamp*, and after it."""
        if (session := self._sessions.get(_key(cookie))) is not None:
            session.coming = stamp

    def restamp(self, cookie: str) -> None:
        """The account has the stamp that was expected."""
        session = self._sessions.get(_key(cookie))
        if session is not None and session.coming is not None:
            session.stamp, session.coming = session.coming, None

    def close_one(self, account: str, session_id: str) -> WebSession | None:
        """Sign *account* out of one browser; None when there is no such sign-in."""
        for key, session in self._sessions.items():
            if session.account == account and key.hex()[:16] == session_id:
                return self._sessions.pop(key)
        return None

    def of_account(self, account: str, wall: float) -> list[KeptSession]:
        """Where *account* is signed in, last used first; *wall* is the time now."""
        living = [k.hex() for k, s in self._sessions.items() if not self._over(s)]
        kept = [one for one in self.kept(wall) if one.account == account and one.key in living]
        return kept[::-1]

    def id_of(self, cookie: str) -> str:
        """What the cookie's sign-in is called in lists."""
        return _key(cookie).hex()[:16]

    def kept(self, wall: float) -> list[KeptSession]:
        """All of them, unused for longest first; *wall* is the time now."""
        ahead = wall - self._clock()
        return [
            KeptSession(
                key.hex(),
                s.account,
                s.created + ahead,
                s.used + ahead,
                s.stamp,
                s.address,
                s.browser,
            )
            for key, s in self._sessions.items()
        ]

    def take_up(self, kept: Iterable[KeptSession], wall: float) -> None:
        """Go on with the sign-ins of a former process.

        One from the future is left out: the clock was set back, so nobody knows its age.
        """
        ahead = wall - self._clock()
        for one in kept:
            if one.created <= one.used <= wall and len(self._sessions) < self._limit:
                self._sessions[bytes.fromhex(one.key)] = WebSession(
                    one.account,
                    one.created - ahead,
                    one.used - ahead,
                    one.stamp,
                    one.address,
                    one.browser,
                )

    def __len__(self) -> int:
        return len(self._sessions)

    def _over(self, session: WebSession) -> bool:
        now = self._clock()
        return now - session.used > self._idle or now - session.created > self._longest


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
