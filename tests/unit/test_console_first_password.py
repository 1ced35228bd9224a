"""The one-time password of the first start: who can read it, and for how long."""

from __future__ import annotations

import logging
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.console.first_password import FirstPassword, FirstPasswordError
from appliance.console.local_access import BoxAccounts
from appliance.monitoring.store import Store
from appliance.service.journal import redact

OWN = "a password of one's own"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "first-password"


@pytest.fixture
async def accounts(tmp_path: Path, path: Path) -> AsyncIterator[BoxAccounts]:
    store = await Store.open(tmp_path / "box.sqlite3")
    made = BoxAccounts(store, FirstPassword(path))
    yield made
    await made.close()
    await store.close()


async def test_without_a_terminal_it_is_in_a_file_and_in_no_log(
    accounts: BoxAccounts,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    await accounts.begin()
    password = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await accounts.sign_in("admin", password)).must_change_password
    assert password not in caplog.text + "".join(capsys.readouterr())
    (told,) = (r.getMessage() for r in caplog.records if "first start" in r.getMessage())
    assert told.endswith(f"in {path}")
    assert redact(told) == told


async def test_in_a_terminal_it_is_printed_and_not_kept(
    accounts: BoxAccounts,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path.write_text("of an account that is no more")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    await accounts.begin()
    words = capsys.readouterr().out.split()
    password = words[words.index("password") + 1]
    assert (await accounts.sign_in("admin", password)).must_change_password
    assert not path.exists()


async def test_it_stays_until_it_is_changed_and_goes_at_once(
    accounts: BoxAccounts, path: Path
) -> None:
    await accounts.begin()
    password = path.read_text().strip()
    await accounts.begin()
    assert path.read_text().strip() == password, "a restart leaves it alone"
    await accounts.create("ann", "Supervisor", "the first of two", must_change=True)
    await accounts.change_password("ann", "the first of two", OWN)
    assert path.exists(), "somebody else's password"
    await accounts.change_password("Admin", password, OWN)
    assert not path.exists()
    await accounts.begin()
    assert not path.exists()


async def test_one_that_is_left_over_goes_at_the_next_start(
    accounts: BoxAccounts, path: Path
) -> None:
    await accounts.create("admin", "Administrator", OWN, must_change=False)
    path.write_text("left over")
    await accounts.begin()
    assert not path.exists()


async def test_a_box_without_its_first_account_keeps_no_password(
    accounts: BoxAccounts, path: Path
) -> None:
    await accounts.create("ann", "Administrator", OWN)
    path.write_text("left over")
    await accounts.begin()
    assert not path.exists()


async def test_no_account_is_made_whose_password_nobody_knows(
    accounts: BoxAccounts, path: Path
) -> None:
    path.mkdir()
    (path / "in the way").touch()
    with pytest.raises(FirstPasswordError, match="cannot be written"):
        await accounts.begin()
    assert await accounts.all() == []
    (path / "in the way").unlink()
    path.rmdir()
    await accounts.begin()
    assert (await accounts.sign_in("admin", path.read_text().strip())).name == "admin"


async def test_a_file_that_cannot_be_deleted_stops_nothing(
    accounts: BoxAccounts, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await accounts.begin()
    password = path.read_text().strip()
    path.unlink()
    path.mkdir()
    changed = await accounts.change_password("admin", password, OWN)
    assert not changed.must_change_password
    assert "cannot be deleted" in caplog.text
