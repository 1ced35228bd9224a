"""What people change about accounts: each change is on record, in one transaction with its row.

Whoever holds MANAGE_ACCOUNTS may give every permission; somebody always holds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar

from pydantic import JsonValue

from appliance.monitoring import account_rows, tokens
from appliance.monitoring.account_rows import AccountRecord
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit, AuditUnwritableError, Entry
from appliance.monitoring.passwords import AccountError, one_time_password
from appliance.monitoring.policy import Account, Permission, RefusedError, grant_refusal
from appliance.monitoring.store import Store
from appliance.monitoring.tokens import ApiToken

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

AgentIds = Mapping[str, Iterable[str]]


class AccountManager:
    """Changes accounts and tokens in *store*, in the name of the account *by*.

    Every method raises `StoreError` too, and those that change something `AuditUnwritableError`;
    then nothing was changed. ``not_found`` says that there is no such account.
    """

    def __init__(self, store: Store, audit: Audit, accounts: Accounts) -> None:
        self._store, self._audit, self._accounts = store, audit, accounts

    # -- accounts

    async def all(self) -> list[AccountRecord]:
        """Every account, by name."""
        return await self._store.read(account_rows.every)

    async def get(self, name: str) -> AccountRecord:
        """The account, locked or not."""
        return await self._store.read(lambda database: existing(database, name))

    async def create(
        self, by: Account, name: str, role: str, agent_ids: AgentIds
    ) -> tuple[AccountRecord, str]:
        """A new account and its one-time password, which is told only here.

        Raises `AccountError` for a bad or taken name or an unknown role.
        """
        name = account_rows.checked_name(name)
        password = one_time_password()
        hashed = await self._accounts.passwords.hash(password)

        def work(database: sqlite3.Connection) -> AccountRecord:
            given = _grant_role(database, by, role)
            return account_rows.add(database, name, given, agent_ids, hashed, must_change=True)

        detail: dict[str, JsonValue] = {
            "account": name,
            "role": role,
            "agent_ids": _listed(agent_ids),
        }
        return await self._record(by, "account_created", detail, work), password

    async def change(
        self, by: Account, name: str, *, role: str | None = None, agent_ids: AgentIds | None = None
    ) -> AccountRecord:
        """Another role, other agent ids; None leaves it as it is.

        Raises `AccountError`, with ``last_manager`` when nobody could manage accounts any more.
        """
        before = (await self.get(name)).account
        detail: dict[str, JsonValue] = {"account": before.name}
        if role is not None:
            if before.kind != "local":
                raise AccountError(
                    "The identity provider says at each sign-in which roles this account has. "
                    "Change the person's groups there, or the table of groups."
                )
            detail |= {"role": role, "role_before": before.role}
        if agent_ids is not None:
            detail["agent_ids"] = _listed(agent_ids)

        def work(database: sqlite3.Connection) -> AccountRecord:
            key = existing(database, before.name).account.name
            if role is not None:
                given = _grant_role(database, by, role)
                database.execute("UPDATE accounts SET role = ? WHERE name = ?", (given, key))
            if agent_ids is not None:
                ids = account_rows.write_agent_ids(agent_ids)
                database.execute("UPDATE accounts SET agent_ids = ? WHERE name = ?", (ids, key))
            keep_a_manager(database)
            return existing(database, key)

        return await self._record(by, "account_changed", detail, work)

    async def reset_password(
        self, by: Account, name: str, *, unlock: bool = False, action: str = "password_reset"
    ) -> str:
        """A one-time password, told only here; the account is signed out everywhere."""
        account = (await self.get(name)).account
        account_rows.refuse_foreign(account)
        password = one_time_password()
        hashed = await self._accounts.passwords.hash(password)

        def work(database: sqlite3.Connection) -> None:
            key = existing(database, account.name).account.name
            _grant_role(database, by, account.role)
            account_rows.set_password(database, key, hashed, must_change=True)
            if unlock:
                database.execute("UPDATE accounts SET locked = 0 WHERE name = ?", (key,))

        await self._record(by, action, {"account": account.name}, work)
        return password

    async def set_locked(self, by: Account, name: str, locked: bool) -> AccountRecord:
        """Lock: no sign-in, no token, no button. Raises ``last_manager``."""
        account = (await self.get(name)).account

        def work(database: sqlite3.Connection) -> AccountRecord:
            key = existing(database, account.name).account.name
            stamp = account_rows.new_stamp() if locked else account.stamp
            database.execute(
                "UPDATE accounts SET locked = ?, stamp = ? WHERE name = ?",
                (int(locked), stamp, key),
            )
            keep_a_manager(database)
            return existing(database, key)

        action = "account_locked" if locked else "account_unlocked"
        return await self._record(by, action, {"account": account.name}, work)

    async def delete(self, by: Account, name: str) -> None:
        """The account and its tokens; what it did stays on record. Raises ``last_manager``."""
        account = (await self.get(name)).account

        def work(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM accounts WHERE name = ?", (account.name,))
            keep_a_manager(database)

        await self._record(by, "account_deleted", {"account": account.name}, work)

    # -- tokens

    async def tokens(self, name: str) -> list[ApiToken]:
        """The account's tokens, oldest first; those that ended too."""
        return await self._accounts.tokens.listed((await self.get(name)).account.name)

    async def create_token(
        self,
        by: Account,
        name: str,
        label: str,
        permissions: Collection[Permission] | None,
        lasts: timedelta,
    ) -> tuple[ApiToken, str]:
        """A token of the account and its secret, which is told only here.

        *permissions* are some of the account's, None for all that it has, also later. Raises
        `AccountError`, ``not_permitted``.
        """

        def work(database: sqlite3.Connection) -> tuple[ApiToken, str]:
            account = existing(database, name).account
            if account.kind != "local":
                raise AccountError(
                    "This account signs in at the identity provider, and nobody would notice that "
                    "a token outlives its role there. Use an account of the box."
                )
            wanted = account.permissions if permissions is None else frozenset(permissions)
            lacking = sorted(wanted - account.permissions)
            if lacking:
                raise AccountError(f"{account.name} does not have {', '.join(lacking)}.")
            _grant(by, wanted)
            return tokens.add(database, account, label, permissions, lasts)

        detail: dict[str, JsonValue] = {
            "account": (await self.get(name)).account.name,
            "label": label.strip(),
            "days": lasts.days,
            "permissions": None if permissions is None else [*sorted(permissions)],
        }
        return await self._record(by, "token_made", detail, work)

    async def revoke_token(self, by: Account, name: str, token_id: int) -> None:
        """End a token at once. Raises ``not_found``."""
        account = (await self.get(name)).account

        def find(database: sqlite3.Connection) -> ApiToken:
            found = [t for t in tokens.of_account(database, account.name) if t.id == token_id]
            if not found:
                raise RefusedError("There is no such token any more.", code="not_found")
            return found[0]

        token = await self._store.read(find)
        await self._record(
            by,
            "token_revoked",
            {"account": account.name, "token": token.id, "label": token.label},
            lambda database: tokens.remove(database, account.name, token_id),
        )

    # -- sign-ins, which the page keeps

    async def signed_out(self, by: Account, name: str, detail: Mapping[str, JsonValue]) -> None:
        """Somebody ended sign-ins of the account. Done already, whatever the disk says."""
        entry = Entry(by.name, "sign_in_ended", detail={"account": name, **detail})
        try:
            await self._audit.append(entry)
        except AuditUnwritableError:
            self._audit.note(entry)

    async def sign_out(
        self, by: Account, name: str, stamp: str, detail: Mapping[str, JsonValue]
    ) -> None:
        """Give the account that new *stamp*: no sign-in from before ever counts again.

        Raises `AuditUnwritableError`; the stamp may be the old one then, and the row is written
        once the disk takes it, for those who were signed in are so no more.
        """
        told = {"account": name, **detail}

        def work(database: sqlite3.Connection) -> None:
            key = existing(database, name).account.name
            database.execute("UPDATE accounts SET stamp = ? WHERE name = ?", (stamp, key))

        try:
            await self._record(by, "sign_in_ended", told, work)
        except AuditUnwritableError:
            self._audit.note(Entry(by.name, "sign_in_ended", detail=told))
            raise

    async def signed_in(self, account: Account, detail: Mapping[str, JsonValue]) -> None:
        """Somebody signed in. A disk that fails refuses nobody: they may have a call to leave."""
        entry = Entry(account.name, "signed_in", detail=detail)

        def also(database: sqlite3.Connection) -> None:
            database.execute(
                "UPDATE accounts SET last_sign_in_at = ? WHERE name = ?",
                (entry.at.isoformat(), account.name),
            )

        try:
            await self._audit.append(entry, also=also)
        except AuditUnwritableError:
            self._audit.note(entry)

    # -- inside

    async def _record(
        self, by: Account, action: str, detail: Mapping[str, JsonValue], work: Work[T]
    ) -> T:
        results: list[T] = []
        await self._audit.append(
            Entry(by.name, action, detail=detail),
            also=lambda database: results.append(work(database)),
        )
        return results[0]


def existing(database: sqlite3.Connection, name: str) -> AccountRecord:
    """The account of that name. Raises ``not_found``."""
    record = account_rows.find(database, name)
    if record is None:
        raise RefusedError(f"There is no account {name!r}.", code="not_found")
    return record


def keep_a_manager(database: sqlite3.Connection) -> None:
    """Raise ``last_manager`` when nobody could manage the accounts after this transaction."""
    for record in account_rows.every(database):
        # One of the identity provider's does not count: where that is away, nobody could.
        if record.locked or record.account.kind != "local":
            continue
        if record.account.has(Permission.MANAGE_ACCOUNTS):
            return
    raise AccountError(
        "Nobody could manage the accounts any more. Let another account do so first.",
        code="last_manager",
    )


def _grant(by: Account, wanted: Collection[Permission]) -> None:
    refusal = grant_refusal(by, wanted)
    if refusal is not None:
        raise RefusedError.because(refusal)


def _grant_role(database: sqlite3.Connection, by: Account, role: str) -> str:
    """The role's name as it is written."""
    found = account_rows.find_role(database, role)
    if found is None:
        raise AccountError(f"There is no role {role!r}.")
    _grant(by, found[1])
    return found[0]


def _listed(agent_ids: AgentIds) -> JsonValue:
    return {platform: [*sorted(ids)] for platform, ids in agent_ids.items()}
