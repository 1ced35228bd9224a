"""People of the site's identity provider as accounts: made and given their roles as they sign in.

Such an account is bound to issuer and subject (OpenID Connect Core 1.0, 5.7), which the provider
never gives to anybody else. Its name is that of its first sign-in: history and audit log know it
by that, whatever the person is called later.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from pydantic import JsonValue

from appliance.monitoring import account_rows
from appliance.monitoring.account_rows import AccountRecord, folded
from appliance.monitoring.accounts import SignInError
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.passwords import AccountError
from appliance.monitoring.policy import Account
from appliance.monitoring.store import Store

NO_ROLE = (
    "You are {name} there, but none of your groups has a role on this box. Ask whoever manages "
    "the accounts."
)
NAME_TAKEN = (
    "Another account of this box is called {name}, and nobody may take it over. Ask whoever "
    "manages the accounts."
)
INVALID_NAME = (
    "The identity provider gives you a name that the box cannot use. Ask whoever manages the "
    "accounts to choose another claim for it."
)
LOCKED = "This account is locked. Ask whoever manages the accounts."
TOO_MANY = "The box has no room for another account. Ask whoever manages the accounts."

MAX_TOLD = 100
"""Characters of a name from outside."""
BY = "bargebox"
"""Who changes these accounts: the box, because of what the provider says."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the provider vouches for; ``roles`` are those that the box's table gives."""

    issuer: str
    subject: str
    name: str
    roles: tuple[str, ...]


class OpenIdAccounts:
    """Those in *store*. Its method raises `StoreError` too."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    async def admit(self, person: Person) -> Account:
        """The person's account, made or changed as needed, on record.

        Raises `SignInError`: ``no_role``, ``name_taken``, ``account_locked``, ``invalid_name``,
        ``too_many_accounts``.
        Nothing is written where nothing changes, so a full disk keeps out nobody who was in
        before. Who has no role any more loses what they had, and their sign-ins end.
        """
        record, roles, taken = await self._store.read(lambda database: _found(database, person))
        if record is None:
            return await self._make(person, roles, taken)
        account = record.account
        if account.roles != roles:
            account = await self._change(account, roles)
        if not roles:
            raise _without_role(account.name)
        if record.locked:
            raise SignInError(LOCKED, code="account_locked")
        return account

    async def _make(
        self, person: Person, roles: tuple[str, ...], taken: AccountRecord | None
    ) -> Account:
        if not roles:
            raise _without_role(person.name)
        try:
            name = account_rows.checked_name(person.name)
        except AccountError as error:
            raise SignInError(INVALID_NAME, code="invalid_name") from error
        if taken is not None:
            raise SignInError(NAME_TAKEN.format(name=taken.account.name), code="name_taken")

        def work(database: sqlite3.Connection) -> Account:
            if account_rows.find(database, name) is not None:  # made meanwhile
                raise SignInError(NAME_TAKEN.format(name=name), code="name_taken")
            account_rows.add(database, name, roles[0], {}, "", must_change=False)
            database.execute(
                "UPDATE accounts SET kind = 'openid', issuer = ?, subject = ?, more_roles = ?"
                " WHERE name = ?",
                (person.issuer, person.subject, json.dumps(roles[1:]), name),
            )
            return _existing(database, name)

        detail: dict[str, JsonValue] = {
            "account": name,
            "roles": [*roles],
            "issuer": person.issuer,
            "subject": person.subject,
        }
        try:
            return await self._audit.record(Entry(BY, "account_created", detail=detail), work)
        except AccountError as error:
            raise SignInError(TOO_MANY, code="too_many_accounts") from error

    async def _change(self, account: Account, roles: tuple[str, ...]) -> Account:
        """Other roles, at once for every sign-in; without any, the sign-ins end."""
        stamp = account.stamp if roles else account_rows.new_stamp()

        def work(database: sqlite3.Connection) -> Account:
            database.execute(
                "UPDATE accounts SET role = ?, more_roles = ?, stamp = ? WHERE name = ?",
                (roles[0] if roles else "", json.dumps(roles[1:]), stamp, account.name),
            )
            return _existing(database, account.name)

        detail: dict[str, JsonValue] = {
            "account": account.name,
            "roles": [*roles],
            "roles_before": [*account.roles],
        }
        return await self._audit.record(Entry(BY, "account_changed", detail=detail), work)


def end_sign_ins(database: sqlite3.Connection) -> None:
    """Of all of them, inside the caller's transaction; whoever may still come in signs in anew."""
    database.execute(
        "UPDATE accounts SET stamp = ? WHERE kind = 'openid'", (account_rows.new_stamp(),)
    )


def _found(
    database: sqlite3.Connection, person: Person
) -> tuple[AccountRecord | None, tuple[str, ...], AccountRecord | None]:
    """The person's account, their roles as they are written, and who has the name already."""
    roles = tuple(
        dict.fromkeys(
            found[0]
            for role in person.roles
            if (found := account_rows.find_role(database, role)) is not None
        )
    )
    row = database.execute(
        "SELECT name FROM accounts WHERE issuer = ? AND subject = ?",
        (person.issuer, person.subject),
    ).fetchone()
    if row is not None:
        return account_rows.find(database, row[0]), roles, None
    name = folded(person.name)  # all writings of it, where the database knows those of ASCII only
    same = [one for one in account_rows.every(database) if folded(one.account.name) == name]
    return None, roles, same[0] if same else None


def _existing(database: sqlite3.Connection, name: str) -> Account:
    record = account_rows.find(database, name)
    if record is None:
        raise SignInError("The account was deleted meanwhile. Sign in again.")
    return record.account


def _without_role(name: str) -> SignInError:
    return SignInError(NO_ROLE.format(name=name[:MAX_TOLD]), code="no_role")
