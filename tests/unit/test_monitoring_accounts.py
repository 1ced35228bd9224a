"""Accounts: one-time password, sign-in, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.monitoring.accounts import AccountError, Accounts, SignInError
from appliance.monitoring.policy import ROLES, Permission
from appliance.monitoring.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[Accounts]:
    store = await Store.open(tmp_path / "box.db")
    made = Accounts(store)
    yield made
    await made.close()
    await store.close()


async def test_the_first_start_makes_one_account_with_a_password_told_once(
    accounts: Accounts,
) -> None:
    password = await accounts.first_start()
    assert password is not None
    assert len(password) >= 16
    assert await accounts.first_start() is None
    admin = await accounts.sign_in("admin", password)
    assert admin.must_change_password
    assert admin.permissions == set(Permission)
    changed = await accounts.change_password("admin", password, PASSWORD)
    assert not changed.must_change_password
    with pytest.raises(SignInError):
        await accounts.sign_in("admin", password)
    assert await accounts.sign_in("Admin", PASSWORD) == changed


async def test_two_boxes_have_two_passwords(accounts: Accounts, tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "other.db")
    other = Accounts(store)
    assert await accounts.first_start() != await other.first_start()
    await other.close()
    await store.close()


async def test_wrong_password_and_unknown_name_are_told_alike(accounts: Accounts) -> None:
    await accounts.create("ann", "Supervisor", PASSWORD)
    errors = []
    for name, password in (("ann", "wrong password"), ("nobody", PASSWORD), ("ann", "x" * 10_000)):
        with pytest.raises(SignInError) as error:
            await accounts.sign_in(name, password)
        errors.append((error.value.code, error.value.detail))
    assert len(set(errors)) == 1


@pytest.mark.parametrize("new", ["short", "x" * 201, PASSWORD])
async def test_bad_new_passwords(accounts: Accounts, new: str) -> None:
    await accounts.create("ann", "Supervisor", PASSWORD)
    with pytest.raises(AccountError):
        await accounts.change_password("ann", PASSWORD, new)
    with pytest.raises(SignInError):
        await accounts.change_password("ann", "not the old one", "something quite new")


async def test_passwords_and_tokens_are_not_in_the_file(accounts: Accounts, tmp_path: Path) -> None:
    await accounts.create("ann", "Supervisor", PASSWORD)
    token = await accounts.create_token("ann", "script")
    await accounts.close()
    await accounts._store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"$argon2id$" in content
    assert PASSWORD.encode() not in content
    assert token.encode() not in content


async def test_tokens(accounts: Accounts) -> None:
    ann = await accounts.create("ann", "Supervisor", PASSWORD)
    token = await accounts.create_token("ann", "script")
    assert await accounts.verify_token(token) == ann
    for wrong in ("", "x", token[:-1], token + "x"):
        with pytest.raises(SignInError):
            await accounts.verify_token(wrong)
    with pytest.raises(AccountError):
        await accounts.create_token("nobody", "script")


async def test_roles_and_agent_ids(accounts: Accounts) -> None:
    ann = await accounts.create("ann", "Supervisor", PASSWORD, agent_ids={"fake": ["7", "8"]})
    assert ann.permissions == ROLES["Supervisor"]
    assert ann.agent_ids == {"fake": frozenset({"7", "8"})}
    await accounts.create("bob", "Technician", PASSWORD, must_change=False)
    assert [account.name for account in await accounts.all()] == ["ann", "bob"]


async def test_an_unknown_name_costs_what_a_wrong_password_costs(accounts: Accounts) -> None:
    await accounts.create("ann", "Supervisor", PASSWORD)
    with pytest.raises(SignInError):
        await accounts.sign_in("nobody", PASSWORD)  # makes the hash that stands for nobody
    for name in ("ann", "nobody", "ann", "no\0body", "x" * 500):
        before = accounts.passwords.operations
        with pytest.raises(SignInError):
            await accounts.sign_in(name, "not the password")
        assert accounts.passwords.operations == before + 1, name


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "x" * 65, "Ann", "a/b", "..", "Local console", "bargebox"]
)
async def test_bad_and_taken_names(accounts: Accounts, name: str) -> None:
    await accounts.create("ann", "Supervisor", PASSWORD)
    with pytest.raises(AccountError):
        await accounts.create(name, "Supervisor", PASSWORD)


async def test_an_unknown_role(accounts: Accounts) -> None:
    with pytest.raises(AccountError) as error:
        await accounts.create("ann", "King", PASSWORD)
    assert "Supervisor" in error.value.detail
