"""What accounts watch: kept, bounded, on record, and gone with the account."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Audit, AuditUnwritableError
from appliance.monitoring.store import Store
from appliance.monitoring.watches import MAX_WATCHES, Kind, Watched, WatchError, Watches, keys
from tests.support.fake_driver import call

ANA = Watched(Kind.AGENT, "agent-1", "Ana")
SALES = Watched(Kind.QUEUE, "Sales", "Sales")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Watches, Store]]:
    store = await Store.open(path / "box.db")
    accounts = Accounts(store)
    if await accounts.get("Sam") is None:
        await accounts.create("Sam", "Supervisor", "correct horse battery")
        await accounts.create("Sue", "Supervisor", "correct horse battery")
    watches = Watches("fake", store, Audit(store))
    await watches.load()
    yield watches, store
    await accounts.close()
    await store.close()


async def actions(store: Store) -> list[tuple[str, str, dict[str, str]]]:
    rows = await Audit(store).page()
    return [(row.actor, row.action, json.loads(row.detail)) for row in rows]


async def test_watches_are_kept_by_account_and_platform(tmp_path: Path) -> None:
    async with opened(tmp_path) as (watches, store):
        assert not watches
        await watches.add("Sam", SALES)
        await watches.add("sam", ANA)
        await watches.add("Sue", ANA)
        await Watches("other", store, Audit(store)).add("Sue", SALES)
        assert await watches.of("Sam") == [ANA, SALES]
        assert await watches.of("SUE") == [ANA]
        assert watches.watchers(ANA.key) == {"Sam", "Sue"}
    async with opened(tmp_path) as (watches, store):
        assert watches
        assert watches.watchers(SALES.key) == {"Sam"}
        await watches.remove("Sam", ANA.key)
        await watches.remove("Sam", ANA.key)
        assert watches.watchers(ANA.key) == {"Sue"}
        assert await watches.of("Sam") == [SALES]


async def test_each_change_is_on_record_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (watches, store):
        await watches.add("Sam", ANA)
        await watches.add("Sam", ANA)
        await watches.add("Sam", Watched(Kind.AGENT, "agent-1", "Ana López"))
        await watches.remove("Sam", ANA.key)
        await watches.remove("Sam", ANA.key)
        who = {"kind": "agent", "target": "agent-1"}
        assert await actions(store) == [
            ("Sam", "watch", who), ("Sam", "watch", who), ("Sam", "unwatch", who),
        ]  # fmt: skip


async def test_there_is_a_most_and_one_too_many_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (watches, store):
        for number in range(MAX_WATCHES):
            await watches.add("Sam", Watched(Kind.AGENT, f"agent-{number}", "x"))
        with pytest.raises(WatchError, match="Remove one first"):
            await watches.add("Sam", SALES)
        assert len(await watches.of("Sam")) == MAX_WATCHES
        assert watches.watchers(SALES.key) == set()
        assert len(await actions(store)) == MAX_WATCHES
        await watches.add("Sue", SALES)
        await watches.add("Sam", Watched(Kind.AGENT, "agent-0", "renamed"))


async def test_what_cannot_be_put_on_record_is_not_watched(tmp_path: Path) -> None:
    async with opened(tmp_path) as (watches, store):
        store._written.execute("PRAGMA query_only = 1")
        with pytest.raises(AuditUnwritableError):
            await watches.add("Sam", ANA)
        assert not watches


async def test_they_go_with_their_account(tmp_path: Path) -> None:
    async with opened(tmp_path) as (watches, store):
        await watches.add("Sam", ANA)

        def remove(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM accounts WHERE name = 'sam'")

        await store.write(remove)
        assert await watches.of("Sam") == []
        await watches.add("Sam", SALES)  # a request that was under way
        assert await watches.of("Sam") == []
        assert not watches


def test_a_call_is_watched_by_its_agents_and_its_queue() -> None:
    interaction = call(1)
    assert list(keys(interaction)) == [
        *((Kind.AGENT, agent.id) for agent in interaction.agents),
        (Kind.QUEUE, interaction.queue),
    ]
