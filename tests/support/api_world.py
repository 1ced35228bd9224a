"""The console with its accounts, history and audit log in a real database, for whoever calls it as
anybody: each role, a custom role without permissions, and nobody.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from fastapi import FastAPI

from appliance.console.app import create_app
from appliance.console.first_password import FirstPassword
from appliance.console.local_access import BoxAccounts
from appliance.console.settings import ConsoleSettings
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.audit import Audit, Entry
from appliance.monitoring.history import History
from appliance.monitoring.policy import ROLES, Account
from appliance.monitoring.roles import Roles
from appliance.monitoring.store import Store
from appliance.provisioning.health.box import Box
from appliance.provisioning.health.checks.audit import audit_fault
from appliance.provisioning.health.monitor import HealthMonitor
from tests.support.console_memory import PASSWORD, past_of_two
from tests.support.console_world import make_world

NOBODY = "signed out"
CUSTOM = "Onlooker"
ROLE_NAMES = (*ROLES, CUSTOM, NOBODY)
DATABASE = "bargebox.sqlite3"
LIMIT_S = 20.0
STREAM_PARTS = 2
"""How much is read of an answer that has no end."""


@dataclass(frozen=True)
class Prepared:
    """A database with an account for each role; ``tokens`` are theirs, by role."""

    file: Path
    tokens: dict[str, str]

    def headers(self, role: str) -> dict[str, str]:
        """What a request of *role* carries."""
        return {} if role == NOBODY else {"Authorization": f"Bearer {self.tokens[role]}"}


async def prepare(folder: Path) -> Prepared:
    """Make it, with a session and a few rows of the audit log."""
    store = await Store.open(folder / DATABASE)
    accounts = BoxAccounts(store, FirstPassword(folder / "first-password"))
    history, audit = History(store), Audit(store)
    everything = Account("administrator", "Administrator", ROLES["Administrator"])
    await Roles(store, audit).create(everything, CUSTOM, ())
    tokens = {}
    for role in (*ROLES, CUSTOM):
        await accounts.create(role.lower(), role, PASSWORD, must_change=False)
        tokens[role] = await accounts.create_token(role.lower(), "for the tests")
    for record in past_of_two():
        row = Entry("supervisor", "monitor", record.id)
        await audit.append(row, also=History.beginning(replace(record, supervisor="supervisor")))
        assert record.ended_at is not None
        assert record.end_reason is not None
        await history.end(
            record.id, record.ended_at, record.end_reason, "Left.", sound=record.sound
        )
    await accounts.close()
    await store.close()
    return Prepared(folder / DATABASE, tokens)


@asynccontextmanager
async def opened(prepared: Prepared, folder: Path) -> AsyncIterator[FastAPI]:
    """A console on a copy of the database in *folder*; what it restarts is a fake at the edge."""
    await asyncio.to_thread(shutil.copytree, prepared.file.parent, folder, dirs_exist_ok=True)
    store = await Store.open(folder / DATABASE)
    accounts = BoxAccounts(store, FirstPassword(folder / "first-password"))
    audit = Audit(store)
    world = make_world()
    health = HealthMonitor(
        Box(
            database=folder / DATABASE,
            store=store,
            device=world.monitoring.device,
            connection=lambda: world.book.connection,
            settings_fault="leg.volume is wrong.",
            platform_fault=lambda: world.choice.now.fault,
            forget_platform=world.choice.go_back,
            first_password_unchanged=accounts.first_password_unchanged,
            first_start_unfinished=lambda: False,
            certificate_ends_s=lambda: None,
            audit_fault=partial(audit_fault, audit),
            root=folder,
        ),
        audit,
    )
    world.site = world.desk(store, audit)
    world.site.folder.mkdir()
    ports = replace(
        world.ports(),
        accounts=accounts,
        manager=AccountManager(store, audit, accounts),
        roles=Roles(store, audit),
        openid=world.openid(store),
        history=History(store),
        audit=audit,
        health=health,
    )
    app = await asyncio.to_thread(create_app, ports, ConsoleSettings(names=("box",)))
    await world.certificates.begin()
    await world.authorities.begin()
    try:
        async with app.router.lifespan_context(app):
            yield app
    finally:
        await accounts.close()
        await world.site.passwords.close()
        await store.close()


async def called(app: FastAPI, request: httpx.Request) -> httpx.Response:
    """The app's answer to *request*. Of an event stream the first parts are read, then the client
    goes. An accident in the app, and an answer without an end, raise.
    """
    gone = asyncio.Event()
    start: dict[str, Any] = {}
    parts: list[bytes] = []
    waiting = [{"type": "http.request", "body": request.read(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if len(parts) >= STREAM_PARTS and endless(start["headers"]):
            gone.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.url.path),
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("192.0.2.7", 4711),
        "server": ("box", 80),
    }
    async with asyncio.timeout(LIMIT_S):
        await app(scope, receive, send)
    response = httpx.Response(
        start["status"], headers=start["headers"], content=b"".join(parts), request=request
    )
    response.elapsed = timedelta()
    return response


def endless(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether they announce an event stream."""
    return dict(headers)[b"content-type"].startswith(b"text/event-stream")
