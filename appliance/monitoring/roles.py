"""Custom roles: names for sets of permissions, beside the three that every box has."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pydantic import JsonValue

from appliance.monitoring import account_rows
from appliance.monitoring.account_manager import keep_a_manager
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.passwords import AccountError
from appliance.monitoring.policy import ROLES, Account, Permission, RefusedError, grant_refusal
from appliance.monitoring.store import Store

MAX_ROLES = 50


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions, and how many accounts have it."""

    name: str
    permissions: frozenset[Permission]
    accounts: int
    is_default: bool
    """One of the box's own, which nobody changes."""


class Roles:
    """The roles in *store*. Every method raises `StoreError`, each change is on record first."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    async def all(self) -> list[Role]:
        """The default roles, then the others by name."""
        return await self._store.read(_all)

    async def get(self, name: str) -> Role:
        """One of them. Raises ``not_found``."""
        return await self._store.read(lambda database: _existing(database, name))

    async def create(self, by: Account, name: str, permissions: Collection[Permission]) -> Role:
        """A new role. Raises `AccountError` for a bad or taken name, ``not_permitted``."""
        name = account_rows.checked_name(name, "role's name")
        _grant(by, permissions)
        text = account_rows.write_permissions(permissions)

        def work(database: sqlite3.Connection) -> None:
            roles = _all(database)
            if any(role.name.casefold() == name.casefold() for role in roles):
                raise AccountError(f"There is a role {name!r} already. Choose another name.")
            if len(roles) >= MAX_ROLES:
                raise AccountError(f"There are {MAX_ROLES} roles already. Delete one first.")
            database.execute("INSERT INTO roles VALUES (?, ?, ?)", (name, text, account_rows.now()))

        await self._record(by, "role_created", name, permissions, work)
        return await self.get(name)

    async def change(self, by: Account, name: str, permissions: Collection[Permission]) -> Role:
        """Other permissions, at once for everybody who has the role.

        Raises `AccountError`, with ``last_manager`` when nobody could manage accounts any more.
        """
        _grant(by, permissions)
        role = _own(await self.get(name))
        text = account_rows.write_permissions(permissions)

        def work(database: sqlite3.Connection) -> None:
            _existing(database, role.name)
            database.execute("UPDATE roles SET permissions = ? WHERE name = ?", (text, role.name))
            keep_a_manager(database)

        await self._record(by, "role_changed", role.name, permissions, work)
        return await self.get(role.name)

    async def delete(self, by: Account, name: str) -> None:
        """Raises ``role_in_use`` while an account has it."""
        role = _own(await self.get(name))

        def work(database: sqlite3.Connection) -> None:
            if used := _existing(database, role.name).accounts:
                who = "One account has" if used == 1 else f"{used} accounts have"
                raise AccountError(
                    f"{who} the role {role.name}. Give them another one first.", code="role_in_use"
                )
            database.execute("DELETE FROM roles WHERE name = ?", (role.name,))

        await self._record(by, "role_deleted", role.name, role.permissions, work)

    async def _record(
        self,
        by: Account,
        action: str,
        name: str,
        permissions: Collection[Permission],
        work: Callable[[sqlite3.Connection], None],
    ) -> None:
        detail: dict[str, JsonValue] = {"role": name, "permissions": [*sorted(permissions)]}
        await self._audit.append(Entry(by.name, action, detail=detail), also=work)


def _all(database: sqlite3.Connection) -> list[Role]:
    used: dict[str, int] = {}
    for record in account_rows.every(database):
        for key in {role.casefold() for role in record.account.roles}:
            used[key] = used.get(key, 0) + 1
    roles = [Role(name, granted, 0, True) for name, granted in ROLES.items()]
    for name, text in database.execute("SELECT name, permissions FROM roles ORDER BY name"):
        roles.append(Role(name, account_rows.read_permissions(text), 0, False))
    return [
        Role(role.name, role.permissions, used.get(role.name.casefold(), 0), role.is_default)
        for role in roles
    ]


def _existing(database: sqlite3.Connection, name: str) -> Role:
    for role in _all(database):
        if role.name.casefold() == name.casefold():
            return role
    raise RefusedError(f"There is no role {name!r}.", code="not_found")


def _own(role: Role) -> Role:
    if role.is_default:
        raise AccountError(
            f"{role.name} is one of the box's own roles and stays as it is. Make a new role."
        )
    return role


def _grant(by: Account, permissions: Collection[Permission]) -> None:
    refusal = grant_refusal(by, permissions)
    if refusal is not None:
        raise RefusedError.because(refusal)
