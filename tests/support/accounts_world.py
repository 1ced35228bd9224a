"""The page's small world with the real accounts, roles, tokens and audit log on SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from appliance.console.app import create_app
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.console.ports import Ports
from appliance.console.settings import ConsoleSettings
from appliance.monitoring import account_rows, tokens
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.audit import Audit
from appliance.monitoring.policy import Permission
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store
from appliance.provisioning.first_start.evidence import Witnesses
from tests.support.console_memory import PASSWORD
from tests.support.console_world import World, make_world

OWN = {"X-Bargebox": "1"}
PEOPLE = {
    "admin": "Administrator",
    "sam": "Supervisor",
    "tom": "Technician",
    "nil": "Nothing",
}
"""Accounts, by name; *nil* has a custom role without any permission."""
SUBSET = "subset"
"""A token of *admin* for seeing calls and nothing else."""


@cache
def _hashed() -> str:
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)


@dataclass
class AccountsWorld:
    """A console whose accounts and audit log are the real ones; the calls are `World`'s."""

    app: FastAPI
    world: World
    store: Store
    accounts: BoxAccounts
    manager: AccountManager
    roles: Roles
    audit: Audit
    tokens: dict[str, str]

    def client(
        self, token: str = "", *, address: str = "10.0.0.9", cookies: dict[str, str] | None = None
    ) -> httpx.AsyncClient:
        """A browser at *address*, or a script with the token of that name."""
        headers = {"Authorization": f"Bearer {self.tokens[token]}"} if token else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 1)),
            base_url="http://box",
            headers={**OWN, **headers},
            cookies=cookies,
        )

    @asynccontextmanager
    async def signed_in(
        self, name: str, *, address: str = "10.0.0.9"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A browser that *name* signed in with."""
        async with self.client(address=address) as client:
            body = {"user": name, "password": PASSWORD}
            answer = await client.post("/api/v1/session", json=body)
            assert answer.status_code == 201, answer.text
            yield client

    async def forbid_writing(self, forbidden: bool = True) -> None:
        """Make the database read-only for its writer, as a failed disk is, or mend it."""

        def work(database: sqlite3.Connection) -> None:
            database.execute(f"PRAGMA query_only = {int(forbidden)}")

        await asyncio.get_running_loop().run_in_executor(
            self.store._writer, work, self.store._written
        )

    async def records(self, action: str) -> list[Any]:
        """The audit log's rows with that action, newest first."""
        return [row for row in (await self.audit.search(limit=200)).rows if row.action == action]


def fill(database: sqlite3.Connection) -> dict[str, str]:
    """Everybody of `PEOPLE`, each with a token of that name; gives the tokens."""
    made = {}
    database.execute("INSERT INTO roles VALUES ('Nothing', '[]', ?)", (account_rows.now(),))
    for name, role in PEOPLE.items():
        account = account_rows.add(database, name, role, {}, _hashed(), must_change=False).account
        made[name] = tokens.add(database, account, "all", None, None)[1]
        if name == "admin":
            seeing = [Permission.VIEW_ALL_MONITORED_CALLS]
            made[SUBSET] = tokens.add(database, account, "some", seeing, None)[1]
    return made


@asynccontextmanager
async def accounts_world(
    directory: Path, *, file: str = "box.sqlite3", filled: bool = False, **settings: object
) -> AsyncIterator[AccountsWorld]:
    """One on that file of *directory*; a fresh one, unless it was *filled* before."""
    store = await Store.open(directory / file)
    made = {} if filled else await store.write(fill)
    accounts, audit, world = (
        BoxAccounts(store, FirstPassword(directory / "first-password")),
        Audit(store),
        make_world(),
    )
    manager, roles = AccountManager(store, audit, accounts), Roles(store, audit)
    world.site = world.desk(store, audit)
    ports = replace(
        world.ports(),
        accounts=accounts,
        manager=manager,
        roles=roles,
        audit=audit,
        openid=world.openid(store),
    )
    chosen = ConsoleSettings.model_validate({"port": 0, "names": ["box"], **settings})
    app = await asyncio.to_thread(create_app, ports, chosen)
    yield AccountsWorld(app, world, store, accounts, manager, roles, audit, made)
    await audit.append()  # so that there is a head, whatever the test did
    assert (await audit.check()).verdict.intact
    await accounts.close()
    await world.site.passwords.close()
    await store.close()


class RealAccounts(World):
    """The page's small world, for a server in a thread, with the real accounts on *store*."""

    def __init__(self, store: Store, directory: Path, calls: int = 12, bus: str = "") -> None:
        world = make_world(calls, bus, directory)
        super().__init__(**{one.name: getattr(world, one.name) for one in fields(world)})
        self._store = store
        self.real = BoxAccounts(store, FirstPassword(directory / "first-password"))
        self.log = Audit(store)
        self.manager = AccountManager(store, self.log, self.real)
        self.roles = Roles(store, self.log)
        self.site = self.desk(store, self.log)
        self.site.folder.mkdir()
        self.site.at_once = True

    def ports(self) -> Ports:
        """As `create_app` takes it."""
        return replace(
            super().ports(),
            accounts=self.real,
            manager=self.manager,
            roles=self.roles,
            audit=self.log,
            openid=self.openid(self._store),
        )

    def witnesses(self) -> Witnesses:
        """The first start asks the real accounts too."""
        return replace(super().witnesses(), accounts=self.real)

    async def shut(self) -> None:
        """Close the database, on another loop than the server's."""
        await self.real.close()
        await self.site.passwords.close()
        await self._store.close()


@contextmanager
def real_accounts(directory: Path, calls: int = 12, bus: str = "") -> Iterator[RealAccounts]:
    """That world, on a database in *directory*; closed when left."""

    def make() -> Store:
        store = Store(directory / "box.sqlite3")
        fill(store._written)
        return store

    # In a thread, for whoever drives a browser has a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        made = RealAccounts(thread.submit(make).result(), directory, calls, bus)
        try:
            yield made
        finally:
            thread.submit(lambda: asyncio.run(made.shut())).result()
