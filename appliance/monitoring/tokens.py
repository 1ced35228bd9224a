"""API tokens: random, kept as hashes, with a subset of their account's permissions and an end."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from appliance.monitoring import account_rows
from appliance.monitoring.account_rows import AccountRecord
from appliance.monitoring.passwords import AccountError, SignInError
from appliance.monitoring.policy import Account, Permission
from appliance.monitoring.store import Store, StoreError

MAX_TOKENS = 50
"""Of one account."""
MAX_LABEL = 64

_COLUMNS = "id, account, label, permissions, created_at, expires_at, last_used_at"
Row = tuple[int, str, str, str | None, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is listed: everything but the secret. Times are aware and UTC."""

    id: int
    account: str
    label: str
    permissions: frozenset[Permission] | None
    """None: whatever the account may, also later."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def expired(self, at: datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at is not None and self.expires_at <= at


def add(
    database: sqlite3.Connection,
    account: Account,
    label: str,
    permissions: Collection[Permission] | None,
    lasts: timedelta | None,
) -> tuple[ApiToken, str]:
    """A new token of *account*, and the secret that is told only here. Raises `AccountError`."""
    label = label.strip()
    if not 1 <= len(label) <= MAX_LABEL or not label.isprintable():
        raise AccountError(f"A label has 1 to {MAX_LABEL} printable characters.")
    if len(of_account(database, account.name)) >= MAX_TOKENS:
        raise AccountError(f"{account.name} has {MAX_TOKENS} tokens. Revoke one first.")
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    added = database.execute(
        "INSERT INTO tokens (hash, account, label, permissions, created_at, expires_at)"  # noqa: S608
        f" VALUES (?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (
            _hash(secret),
            account.name,
            label,
            None if permissions is None else account_rows.write_permissions(permissions),
            now.isoformat(),
            None if lasts is None else (now + lasts).isoformat(),
        ),
    )
    return _token(added.fetchone()), secret


def of_account(database: sqlite3.Connection, name: str) -> list[ApiToken]:
    """The account's tokens, oldest first; those that ended too."""
    found = database.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE account = ? ORDER BY id",  # noqa: S608
        (name,),
    )
    return [_token(row) for row in found]


def remove(database: sqlite3.Connection, name: str, token_id: int) -> ApiToken | None:
    """Revoke one of the account's tokens; None when it has no such token."""
    row = database.execute(
        f"DELETE FROM tokens WHERE account = ? AND id = ? RETURNING {_COLUMNS}",  # noqa: S608
        (name, token_id),
    ).fetchone()
    return _token(row) if row else None


class TokenCheck:
    """Finds the account behind a token, and remembers when it was used.

    That is written down by `keep` and not at each use: a disk that is slow must not delay the
    script that mutes.
    """

    def __init__(
        self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store, self._clock = store, clock
        self._used: dict[int, datetime] = {}
        self._unwritten: set[int] = set()

    async def verify(self, secret: str) -> Account:
        """The account, with no more permissions than the token has. Raises `SignInError`."""
        hashed = _hash(secret)

        def work(database: sqlite3.Connection) -> tuple[ApiToken, AccountRecord | None] | None:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM tokens WHERE hash = ?",  # noqa: S608
                (hashed,),
            ).fetchone()
            if row is None:
                return None
            token = _token(row)
            return token, account_rows.find(database, token.account)

        found = await self._store.read(work)
        now = self._clock()
        if found is None or found[1] is None or found[1].locked or found[0].expired(now):
            raise SignInError("The token is not valid. Make a new one.")
        token, account = found[0], found[1].account
        self._used[token.id] = now
        self._unwritten.add(token.id)
        if token.permissions is None:
            return account
        return replace(account, permissions=account.permissions & token.permissions)

    async def listed(self, name: str) -> list[ApiToken]:
        """The account's tokens, oldest first; those that ended too."""
        tokens = await self._store.read(lambda database: of_account(database, name))
        return [
            replace(token, last_used_at=self._used.get(token.id, token.last_used_at))
            for token in tokens
        ]

    async def keep(self) -> None:
        """Write down when tokens were used. Raises `StoreError`."""
        uses = [(self._used[token].isoformat(), token) for token in self._unwritten]
        if not uses:
            return
        self._unwritten.clear()

        def work(database: sqlite3.Connection) -> None:
            database.executemany("UPDATE tokens SET last_used_at = ? WHERE id = ?", uses)

        try:
            await self._store.write(work)
        except StoreError:
            self._unwritten.update(token for _, token in uses)
            raise


def _hash(secret: str) -> str:
    """A plain hash is enough: the token has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: Row) -> ApiToken:
    token_id, account, label, permissions, created_at, expires_at, last_used_at = row
    return ApiToken(
        id=token_id,
        account=account,
        label=label,
        permissions=None if permissions is None else account_rows.read_permissions(permissions),
        created_at=datetime.fromisoformat(created_at),
        expires_at=account_rows.moment(expires_at),
        last_used_at=account_rows.moment(last_used_at),
    )
