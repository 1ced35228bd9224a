"""``bargebox reset-password``: back in for whoever stands at the box, whatever runs there."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.demo.box import to_toml
from tests.support.accounts_world import accounts_world
from tests.support.console_memory import PASSWORD


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings of a box whose state is where `accounts_world` makes its own."""
    state = tmp_path / "state"
    state.mkdir()
    file = tmp_path / "bargebox.toml"
    file.write_text(to_toml({"box": {"state_dir": str(state)}}))
    return file


def database(settings: Path) -> Path:
    return settings.parent / "state" / "bargebox.sqlite3"


def reset(settings: Path, name: str = "admin") -> int:
    return main(["reset-password", name, "--settings", str(settings)])


def told(capsys: pytest.CaptureFixture[str]) -> str:
    found = re.search(r"is ([0-9a-f-]{19})\n", capsys.readouterr().out)
    assert found is not None
    return found[1]


async def test_with_control_running_it_works_and_ends_the_sign_ins(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = settings.parent / "state"
    async with accounts_world(directory, file=database(settings).name) as box:
        (directory / "first-password").write_text("of the first start")
        async with box.signed_in("admin") as admin:
            assert await asyncio.to_thread(reset, settings, "Admin") == 0
            password = told(capsys)
            assert (await admin.get("/api/v1/session")).status_code == 401
            body = {"user": "admin", "password": PASSWORD}
            assert (await admin.post("/api/v1/session", json=body)).status_code == 401
            body = {"user": "admin", "password": password}
            answer = await admin.post("/api/v1/session", json=body)
            assert answer.json()["must_change_password"] is True
        (row,) = await box.records("password_reset")
        assert (row.actor, json.loads(row.detail)) == ("local console", {"account": "admin"})
        assert password not in str((await box.audit.search()).rows)
        assert not (directory / "first-password").exists()


async def test_with_control_stopped_it_opens_a_locked_account_too(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = settings.parent / "state"
    async with accounts_world(directory, file=database(settings).name) as box:
        admin = await box.accounts.get("admin")
        assert admin is not None
        await box.manager.set_locked(admin, "sam", True)
    assert await asyncio.to_thread(reset, settings, "sam") == 0
    password = told(capsys)
    async with accounts_world(directory, file=database(settings).name, filled=True) as box:
        assert (await box.accounts.sign_in("sam", password)).must_change_password
        assert len(await box.records("password_reset")) == 1


async def test_what_cannot_be_done_is_said(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(reset, settings) == 1
    assert "There are no accounts in" in capsys.readouterr().err
    assert not database(settings).exists()
    async with accounts_world(settings.parent / "state", file=database(settings).name):
        assert await asyncio.to_thread(reset, settings, "nobody") == 1
        assert "There is no account 'nobody'. [not_found]" in capsys.readouterr().err
        busy = sqlite3.connect(database(settings), isolation_level=None)
        busy.execute("BEGIN IMMEDIATE")
        try:
            assert await asyncio.to_thread(reset, settings) == 1
        finally:
            busy.execute("ROLLBACK")
            busy.close()
        assert "in use by another program" in capsys.readouterr().err
