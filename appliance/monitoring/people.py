"""Roles and accounts as a document of settings has them: put in all together, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from appliance.monitoring import account_rows
from appliance.monitoring.account_manager import keep_a_manager
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.passwords import AccountError
from appliance.monitoring.policy import ROLES, Permission
from appliance.monitoring.roles import MAX_ROLES
from appliance.monitoring.store import Store
from appliance.service.errors import ValuesError


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account; what is None stays as it is, or gets its default in a new one."""

    name: str
    role: str | None = None
    hashed: str | None = None
    must_change: bool | None = None
    locked: bool | None = None
    agent_ids: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class KeptAccount:
    """An account with its password's hash."""

    record: account_rows.AccountRecord
    hashed: str


class PeopleError(ValuesError):
    """A role or an account cannot be so; nothing was changed."""

    code = "invalid_account"


class _RehearsedError(Exception):
    """Undoes a rehearsal."""


Roles = Mapping[str, frozenset[Permission]]


class People:
    """All roles and accounts in *store*. Every method raises `StoreError` too."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    async def all(self) -> tuple[dict[str, frozenset[Permission]], list[KeptAccount]]:
        """The roles beside the box's own and every account, by name."""
        return await self._store.read(_all)

    async def rehearse(self, roles: Roles, accounts: list[WantedAccount]) -> None:
        """Whether `put` would do it; nothing is changed. Raises `PeopleError`."""

        def work(database: sqlite3.Connection) -> None:
            _put(database, roles, accounts)
            raise _RehearsedError

        try:
            await self._store.write(work)
        except _RehearsedError:
            return

    async def put(self, who: str, roles: Roles, accounts: list[WantedAccount]) -> None:
        """Make and change them, in one transaction with its rows in the audit log.

        Raises `PeopleError`, `AuditUnwritableError`.
        """
        entries = await self._store.read(lambda database: _entries(database, who, roles, accounts))
        if entries:
            await self._audit.append(
                *entries, also=lambda database: _put(database, roles, accounts)
            )


def _all(
    database: sqlite3.Connection,
) -> tuple[dict[str, frozenset[Permission]], list[KeptAccount]]:
    rows = database.execute("SELECT name, permissions FROM roles ORDER BY name")
    roles = {str(name): account_rows.read_permissions(text) for name, text in rows}
    hashes = dict(database.execute("SELECT name, password FROM accounts").fetchall())
    every = account_rows.every(database)
    return roles, [KeptAccount(one, hashes[one.account.name]) for one in every]


def _entries(
    database: sqlite3.Connection, who: str, roles: Roles, accounts: list[WantedAccount]
) -> list[Entry]:
    """What changes, for the audit log; nothing for what is so already."""
    entries = []
    for name, permissions in roles.items():
        before = account_rows.find_role(database, name)
        if before is None or before[1] != permissions:
            detail: dict[str, JsonValue] = {"role": name, "permissions": [*sorted(permissions)]}
            action = "role_created" if before is None else "role_changed"
            entries.append(Entry(who, action, detail=detail))
    kept = {one.record.account.name.casefold(): one for one in _all(database)[1]}
    for wanted in accounts:
        now = kept.get(wanted.name.casefold())
        changed = _differences(wanted, now)
        if changed or now is None:
            action = "account_created" if now is None else "account_changed"
            told: dict[str, JsonValue] = {"account": wanted.name, "changed": [*changed]}
            if wanted.role is not None:
                told["role"] = wanted.role
            entries.append(Entry(who, action, detail=told))
    return entries


def _differences(wanted: WantedAccount, now: KeptAccount | None) -> list[str]:
    """The names of what an account would not have any more as it is."""
    if now is None:
        return []
    account = now.record.account
    ids = None if wanted.agent_ids is None else account_rows.write_agent_ids(wanted.agent_ids)
    pairs = {
        "role": (wanted.role, account.role),
        "password": (wanted.hashed, now.hashed),
        "must_change": (wanted.must_change, account.must_change_password),
        "locked": (wanted.locked, now.record.locked),
        "agent_ids": (ids, account_rows.write_agent_ids(account.agent_ids)),
    }
    return [name for name, (new, old) in pairs.items() if new is not None and new != old]


def _put(database: sqlite3.Connection, roles: Roles, accounts: list[WantedAccount]) -> None:
    for number, (name, permissions) in enumerate(roles.items()):
        _named(f"roles.{number}", partial(_put_role, database, name, permissions))
    for number, wanted in enumerate(accounts):
        _named(f"accounts.{number}", partial(_put_account, database, wanted))
    _named("accounts", partial(keep_a_manager, database))


def _named(field: str, work: Callable[[], None]) -> None:
    try:
        work()
    except AccountError as error:
        raise PeopleError(error.detail, {field: error.detail}) from error


def _put_role(database: sqlite3.Connection, name: str, permissions: frozenset[Permission]) -> None:
    if any(name.casefold() == own.casefold() for own in ROLES):
        raise AccountError(f"{name} is one of the box's own roles and stays as it is.")
    (count,) = database.execute("SELECT COUNT(*) FROM roles").fetchone()
    if count + len(ROLES) >= MAX_ROLES and account_rows.find_role(database, name) is None:
        raise AccountError(f"A box has at most {MAX_ROLES} roles.")
    database.execute(
        "INSERT INTO roles VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions",
        (name, account_rows.write_permissions(permissions), account_rows.now()),
    )


def _put_account(database: sqlite3.Connection, wanted: WantedAccount) -> None:
    now = account_rows.find(database, wanted.name)
    if now is not None and now.account.kind != "local":
        _put_foreign(database, now.account.name, wanted)
        return
    role = wanted.role or ("" if now is None else now.account.role)
    if not role:
        raise AccountError("A new account needs a role.")
    given = account_rows.find_role(database, role)
    if given is None:
        raise AccountError(f"There is no role {role!r}.")
    if now is None and wanted.hashed is None:
        raise AccountError("A new account needs a password.")
    must_change = wanted.must_change
    if now is None:
        assert wanted.hashed is not None
        account_rows.add(
            database, wanted.name, given[0], {}, wanted.hashed, must_change=must_change is not False
        )
        now = account_rows.find(database, wanted.name)
        assert now is not None
    elif wanted.hashed is not None:
        stays = now.account.must_change_password if must_change is None else must_change
        account_rows.set_password(database, now.account.name, wanted.hashed, must_change=stays)
    ids = now.account.agent_ids if wanted.agent_ids is None else wanted.agent_ids
    database.execute(
        "UPDATE accounts SET role = ?, agent_ids = ?, must_change = COALESCE (?, must_change),"
        " stamp = CASE WHEN ?4 AND NOT locked THEN ?5 ELSE stamp END,"
        " locked = COALESCE (?4, locked) WHERE name = ?6",
        (given[0], account_rows.write_agent_ids(ids), must_change, wanted.locked,
         account_rows.new_stamp(), now.account.name),
    )  # fmt: skip


def _put_foreign(database: sqlite3.Connection, name: str, wanted: WantedAccount) -> None:
    """Of somebody of the identity provider only what is the box's own to say."""
    if any(one is not None for one in (wanted.role, wanted.hashed, wanted.must_change)):
        raise AccountError(
            "This account signs in at the identity provider, which says its role, and has no "
            "password here. Give its agent ids or the lock alone, or choose another name."
        )
    if wanted.agent_ids is not None:
        ids = account_rows.write_agent_ids(wanted.agent_ids)
        database.execute("UPDATE accounts SET agent_ids = ? WHERE name = ?", (ids, name))
    if wanted.locked is not None:
        database.execute(
            "UPDATE accounts SET stamp = CASE WHEN ?1 AND NOT locked THEN ?2 ELSE stamp END,"
            " locked = ?1 WHERE name = ?3",
            (wanted.locked, account_rows.new_stamp(), name),
        )
