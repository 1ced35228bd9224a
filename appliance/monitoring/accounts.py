"""Accounts as the box uses them: who signs in, who a token belongs to, who somebody is now.

What people change about accounts is in `account_manager`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from pydantic import JsonValue

from appliance.monitoring import account_rows, tokens
from appliance.monitoring.account_rows import AccountRecord
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.passwords import (
    AccountError,
    Passwords,
    SignInError,
    check_password,
    one_time_password,
)
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.store import Store
from appliance.monitoring.tokens import TokenCheck

__all__ = ["FIRST_ACCOUNT", "AccountError", "Accounts", "SignInError"]

FIRST_ACCOUNT = "admin"


class Accounts:
    """The accounts in *store*. Every method raises `StoreError` too."""

    def __init__(self, store: Store) -> None:
        self._store, self._audit = store, Audit(store)
        self.passwords = Passwords()
        self.tokens = TokenCheck(store)

    async def close(self) -> None:
        """End the hashing thread."""
        await self.passwords.close()

    async def first_start(self, tell: Callable[[str], Awaitable[None]] | None = None) -> str | None:
        """Make the first account if there is none; its one-time password is told only here.

        *tell* has it before the account is made, so that no accident between the two leaves a box
        that nobody can enter.
        """
        if await self.all():
            return None
        password = one_time_password()
        if tell is not None:
            await tell(password)
        await self.create(FIRST_ACCOUNT, "Administrator", password, by="bargebox")
        return password

    async def create(
        self,
        name: str,
        role: str,
        password: str,
        *,
        agent_ids: Mapping[str, Iterable[str]] | None = None,
        must_change: bool = True,
        by: str | None = None,
    ) -> Account:
        """Make an account that no person asked for: at the first start, on record; in a demo.

        Raises `AccountError` for a bad or taken name, an unknown role or a short password.
        """
        name = account_rows.checked_name(name)
        check_password(password, name)
        hashed = await self.passwords.hash(password)

        def work(database: sqlite3.Connection) -> AccountRecord:
            given = account_rows.find_role(database, role)
            if given is None:
                raise AccountError(f"There is no role {role!r}. Use one of: {', '.join(ROLES)}.")
            return account_rows.add(
                database, name, given[0], agent_ids or {}, hashed, must_change=must_change
            )

        if by is None:
            return (await self._store.write(work)).account
        detail: dict[str, JsonValue] = {"account": name, "role": role}
        made = await self._audit.record(Entry(by, "account_created", detail=detail), work)
        return made.account

    async def get(self, name: str) -> Account | None:
        """The account of that name (case does not matter), unless it is locked."""
        record = await self._find(name)
        return None if record is None or record.locked else record.account

    async def all(self) -> list[Account]:
        """Every account, by name."""
        return [record.account for record in await self._store.read(account_rows.every)]

    async def sign_in(self, name: str, password: str) -> Account:
        """The account, if the password is right. Raises `SignInError`.

        An unknown name takes the same way as a known one and costs one hash too. That an account
        is locked (``account_locked``) is told only to whoever knows its password.
        """
        record, hashed = await self._store.read(lambda database: _with_hash(database, name))
        if not await self.passwords.match(hashed, password) or record is None:
            raise SignInError("The name or the password is not right.")
        if record.locked:
            raise SignInError(
                "This account is locked. Ask whoever manages the accounts.", code="account_locked"
            )
        return record.account

    async def change_password(self, name: str, old: str, new: str) -> Account:
        """Set a new password; whoever is signed in with the old one is so no more.

        Raises `SignInError` for the old, `AccountError` for the new, and for an account that has
        none.
        """
        record = await self._find(name)
        if record is not None:
            account_rows.refuse_foreign(record.account)
        account = await self.sign_in(name, old)
        check_password(new, account.name)
        if new == old:
            raise AccountError("The new password is the old one. Choose another.")
        hashed = await self.passwords.hash(new)

        def work(database: sqlite3.Connection) -> Account:
            now = account_rows.find(database, account.name)
            if now is None or now.locked or now.account.stamp != account.stamp:
                raise SignInError("The account was changed meanwhile. Sign in again.")
            stamp = account_rows.set_password(database, account.name, hashed, must_change=False)
            return replace(now.account, must_change_password=False, stamp=stamp)

        return await self._audit.record(Entry(account.name, "password_changed"), work)

    async def create_token(self, name: str, label: str, *, lasts: timedelta | None = None) -> str:
        """A token with all that the account may, told only here. Raises `AccountError`.

        For the demo and for tests; people make theirs through the account manager.
        """

        def work(database: sqlite3.Connection) -> str:
            record = account_rows.find(database, name)
            if record is None:
                raise AccountError(f"There is no account {name!r}.")
            return tokens.add(database, record.account, label, None, lasts)[1]

        return await self._store.write(work)

    async def verify_token(self, token: str) -> Account:
        """Whom *token* belongs to, with the token's permissions. Raises `SignInError`."""
        return await self.tokens.verify(token)

    async def _find(self, name: str) -> AccountRecord | None:
        return await self._store.read(lambda database: account_rows.find(database, name))


def _with_hash(database: sqlite3.Connection, name: str) -> tuple[AccountRecord | None, str | None]:
    record = account_rows.find(database, name)
    if record is None:
        return None, None
    if record.account.kind != "local":
        return record, None  # no password is right
    (hashed,) = database.execute(
        "SELECT password FROM accounts WHERE name = ?", (record.account.name,)
    ).fetchone()
    return record, hashed
