"""Accounts: sign-in with argon2id passwords (RFC 9106), and API tokens kept as hashes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from appliance.monitoring.policy import ROLES, Account, Permission
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError

FIRST_ACCOUNT = "admin"
MIN_PASSWORD = 10
MAX_PASSWORD = 200
MAX_NAME = 64
LIMIT_S = 10.0
MAX_WAITING = 16
"""Sign-ins that may wait for the one hashing thread; further ones are refused."""

# One thread and 19 MiB at a time: OWASP's second choice, so that a burst of sign-ins cannot
# starve the small box that a call is running on.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_COLUMNS = "name, role, permissions, agent_ids, must_change"

T = TypeVar("T")


class AccountError(BargeboxError):
    """The account cannot be made or changed as asked."""

    code = "invalid_account"


class SignInError(BargeboxError):
    """Name and password, or the token, are not right. It does not say which."""

    code = "sign_in_refused"


class Accounts:
    """The accounts in *store*. Every method raises `StoreError` too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hashing = ThreadPoolExecutor(1, "passwords")
        self._waiting = 0
        # Unknown names are checked against this, so that they take as long as known ones.
        self._nobody: str | None = None

    async def close(self) -> None:
        """End the hashing thread."""
        await asyncio.to_thread(self._hashing.shutdown)

    async def first_start(self, tell: Callable[[str], Awaitable[None]] | None = None) -> str | None:
        """Make the first account if there is none; its one-time password is told only here.

        *tell* has it before the account is made, so that no accident between the two leaves a box
        that nobody can enter.
        """
        count = await self._store.read(
            lambda database: database.execute("SELECT COUNT(*) FROM accounts").fetchone()[0]
        )
        if count:
            return None
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        if tell is not None:
            await tell(password)
        await self.create(FIRST_ACCOUNT, "Administrator", password, must_change=True)
        return password

    async def create(
        self,
        name: str,
        role: str,
        password: str,
        *,
        permissions: Iterable[Permission] | None = None,
        agent_ids: Mapping[str, Iterable[str]] | None = None,
        must_change: bool = True,
    ) -> Account:
        """Make an account with a default *role*, or a custom one that *permissions* spell out.

        Raises `AccountError` for a bad or taken name, an unknown role or a short password.
        """
        name = name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise AccountError(f"A name has 1 to {MAX_NAME} printable characters.")
        if permissions is None and role not in ROLES:
            raise AccountError(f"There is no role {role!r}. Use one of: {', '.join(ROLES)}.")
        _check_password(password)
        row = (
            name,
            role,
            None if permissions is None else json.dumps(sorted(permissions)),
            json.dumps({platform: sorted(ids) for platform, ids in (agent_ids or {}).items()}),
            await self._hash(password),
            int(must_change),
            _now(),
        )

        def work(database: sqlite3.Connection) -> bool:
            added = database.execute(
                "INSERT INTO accounts (name, role, permissions, agent_ids, password, must_change,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                row,
            )
            return added.rowcount == 1

        if not await self._store.write(work):
            raise AccountError(f"There is an account {name!r} already. Choose another name.")
        account = await self.get(name)
        assert account is not None
        return account

    async def get(self, name: str) -> Account | None:
        """The account of that name (case does not matter)."""
        return await self._store.read(lambda database: _find(database, "WHERE name = ?", name))

    async def all(self) -> list[Account]:
        """Every account, by name."""

        def work(database: sqlite3.Connection) -> list[Account]:
            rows = database.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY name")  # noqa: S608
            return [_account(row) for row in rows]

        return await self._store.read(work)

    async def sign_in(self, name: str, password: str) -> Account:
        """The account, if the password is right. Raises `SignInError`."""
        stored = await self._store.read(
            lambda database: database.execute(
                "SELECT password FROM accounts WHERE name = ?", (name,)
            ).fetchone()
        )
        if self._nobody is None:
            self._nobody = await self._hash(secrets.token_hex())
        right = await self._in_thread(
            _verify, stored[0] if stored else self._nobody, password[: MAX_PASSWORD + 1]
        )
        account = await self.get(name) if stored and right else None
        if account is None:
            raise SignInError("The name or the password is not right.")
        return account

    async def change_password(self, name: str, old: str, new: str) -> Account:
        """Set a new password. Raises `SignInError` for the old, `AccountError` for the new."""
        account = await self.sign_in(name, old)
        _check_password(new)
        if new == old:
            raise AccountError("The new password is the old one. Choose another.")
        if new.casefold() == account.name.casefold():
            raise AccountError("The password is the account's name. Choose another.")
        hashed = await self._hash(new)

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "UPDATE accounts SET password = ?, must_change = 0 WHERE name = ?",
                (hashed, account.name),
            )

        await self._store.write(work)
        changed = await self.get(account.name)
        assert changed is not None
        return changed

    async def create_token(self, name: str, label: str) -> str:
        """A new API token for the account, told only here. Raises `AccountError`."""
        if await self.get(name) is None:
            raise AccountError(f"There is no account {name!r}.")
        token = secrets.token_urlsafe(32)

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT INTO tokens (hash, account, label, created_at) VALUES (?, ?, ?, ?)",
                (_token_hash(token), name, label[:MAX_NAME], _now()),
            )

        await self._store.write(work)
        return token

    async def verify_token(self, token: str) -> Account:
        """The account that *token* belongs to. Raises `SignInError`."""
        hashed = _token_hash(token)
        where = "WHERE name = (SELECT account FROM tokens WHERE hash = ?)"
        account = await self._store.read(lambda database: _find(database, where, hashed))
        if account is None:
            raise SignInError("The token is not valid. Make a new one.")
        return account

    async def _hash(self, password: str) -> str:
        return await self._in_thread(_hasher.hash, password)

    async def _in_thread(self, work: Callable[..., T], *values: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise SignInError("Too many sign-ins at once. Try again.", code="busy")
        self._waiting += 1
        try:
            async with asyncio.timeout(LIMIT_S):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._hashing, work, *values)
        except TimeoutError:
            raise SignInError("The sign-in took too long. Try again.", code="busy") from None
        finally:
            self._waiting -= 1


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _token_hash(token: str) -> str:
    """A plain hash is enough: the token has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def _find(database: sqlite3.Connection, where: str, value: str) -> Account | None:
    row = database.execute(f"SELECT {_COLUMNS} FROM accounts {where}", (value,)).fetchone()  # noqa: S608
    return _account(row) if row else None


def _account(row: tuple[str, str, str | None, str, int]) -> Account:
    name, role, permissions, agent_ids, must_change = row
    return Account(
        name=name,
        role=role,
        permissions=(
            ROLES.get(role, frozenset())
            if permissions is None
            else frozenset(Permission(text) for text in json.loads(permissions))
        ),
        agent_ids={platform: frozenset(ids) for platform, ids in json.loads(agent_ids).items()},
        must_change_password=bool(must_change),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
