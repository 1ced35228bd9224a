"""Everything about accounts on one real database, as people change them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit
from appliance.monitoring.policy import Account
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store
from appliance.service.errors import BargeboxError

PASSWORD = "correct horse battery"


@dataclass
class Office:
    """Everything about accounts on one real database; *ann* manages it, *bob* supervises."""

    path: Path
    store: Store
    accounts: Accounts
    manager: AccountManager
    roles: Roles
    audit: Audit
    ann: Account
    bob: Account

    async def records(self, action: str) -> list[tuple[str, dict[str, Any]]]:
        """Who did *action*, and what is told of it."""
        rows = (await self.audit.search(limit=200)).rows
        return [(row.actor, json.loads(row.detail)) for row in rows if row.action == action]


@asynccontextmanager
async def open_office(path: Path) -> AsyncIterator[Office]:
    """In the file *path*; at the end its audit log has to be whole."""
    store = await Store.open(path)
    accounts, audit = Accounts(store), Audit(store)
    ann = await accounts.create("ann", "Administrator", PASSWORD, must_change=False)
    bob = await accounts.create("bob", "Supervisor", PASSWORD, must_change=False)
    manager, roles = AccountManager(store, audit, accounts), Roles(store, audit)
    made = Office(path, store, accounts, manager, roles, audit, ann, bob)
    yield made
    await audit.append()  # so that there is a head, whatever the test did
    assert (await audit.check()).verdict.intact
    await accounts.close()
    await store.close()


async def code_of(work: Any) -> str:
    """Of the refusal that *work* has to end with."""
    with pytest.raises(BargeboxError) as refused:
        await work
    return refused.value.code
