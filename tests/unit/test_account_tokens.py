"""API tokens as people make and end them; and those of an older database."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.monitoring import schema
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.policy import Permission
from appliance.monitoring.store import Store
from appliance.monitoring.tokens import MAX_TOKENS, TokenCheck
from tests.support.office import PASSWORD, Office, code_of

DAY = timedelta(days=1)
VIEW = Permission.VIEW_ALL_MONITORED_CALLS


async def test_a_token_has_no_more_than_it_was_made_for(office: Office) -> None:
    token, secret = await office.manager.create_token(office.bob, "bob", " wall ", [VIEW], DAY)
    assert token.label == "wall"
    account = await office.accounts.verify_token(secret)
    assert (account.name, account.permissions) == ("bob", frozenset({VIEW}))
    await office.manager.change(office.ann, "bob", role="Technician")
    assert (await office.accounts.verify_token(secret)).permissions == frozenset()
    wider = office.manager.create_token(office.ann, "bob", "more", [Permission.VIEW_AUDIT], DAY)
    assert await code_of(wider) == "invalid_account"
    ((who, told),) = await office.records("token_made")
    assert (who, told["label"], told["permissions"]) == ("bob", "wall", [VIEW])
    assert secret not in str((await office.audit.search()).rows)


async def test_a_token_ends_with_its_time_its_account_and_when_revoked(office: Office) -> None:
    first, secret = await office.manager.create_token(office.bob, "bob", "one", None, DAY)
    ahead = TokenCheck(office.store, lambda: datetime.now(UTC) + 2 * DAY)
    assert await code_of(ahead.verify(secret)) == "sign_in_refused"
    assert (await office.accounts.verify_token(secret)).name == "bob"
    revoking = office.manager.revoke_token(office.ann, "ann", first.id)
    assert await code_of(revoking) == "not_found", "another account's"
    await office.manager.revoke_token(office.bob, "bob", first.id)
    assert await code_of(office.accounts.verify_token(secret)) == "sign_in_refused"
    told = {"account": "bob", "token": first.id, "label": "one"}
    assert await office.records("token_revoked") == [("bob", told)]
    second, secret = await office.manager.create_token(office.bob, "bob", "two", None, DAY)
    assert second.id != first.id
    await office.manager.delete(office.ann, "bob")
    assert await code_of(office.accounts.verify_token(secret)) == "sign_in_refused"
    await office.accounts.create("bob", "Administrator", PASSWORD)
    assert await code_of(office.accounts.verify_token(secret)) == "sign_in_refused"


async def test_the_last_use_of_a_token_is_shown_and_kept(office: Office) -> None:
    _, secret = await office.manager.create_token(office.bob, "bob", "one", None, DAY)
    assert [token.last_used_at for token in await office.manager.tokens("bob")] == [None]
    await office.accounts.verify_token(secret)
    (shown,) = await office.manager.tokens("Bob")
    assert shown.last_used_at is not None
    assert [t.last_used_at for t in await TokenCheck(office.store).listed("bob")] == [None]
    await office.accounts.tokens.keep()
    assert await TokenCheck(office.store).listed("bob") == [shown]


async def test_labels_and_numbers_of_tokens_are_bounded(office: Office) -> None:
    for label in ("", " ", "x" * 65, "a\nb"):
        making = office.manager.create_token(office.bob, "bob", label, None, DAY)
        assert await code_of(making) == "invalid_account"
    for n in range(MAX_TOKENS):
        await office.manager.create_token(office.bob, "bob", f"{n}", None, DAY)
    making = office.manager.create_token(office.bob, "bob", "one more", None, DAY)
    assert await code_of(making) == "invalid_account"


async def test_accounts_and_tokens_of_former_software_go_on(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    for script in schema.MIGRATIONS[:2]:
        old.executescript(script)
    office = Accounts(await Store.open(tmp_path / "other.db"))
    hashed = await office.passwords.hash(PASSWORD)
    await office.close()
    await office._store.close()
    for name, role, own in (
        ("ann", "Administrator", None),
        ("Bo'b", "Supervisor", '["VIEW_AUDIT"]'),
    ):
        old.execute(
            'INSERT INTO accounts VALUES (?, ?, ?, \'{"janus": ["7"]}\', ?, 0, ?)',
            (name, role, own, hashed, datetime.now(UTC).isoformat()),
        )
    token = "an-old-token"
    old.execute(
        "INSERT INTO tokens VALUES (?, 'ann', 'demo', ?)",
        (hashlib.sha256(token.encode()).hexdigest(), datetime.now(UTC).isoformat()),
    )
    old.execute("PRAGMA user_version = 2")
    old.commit()
    old.close()
    store = await Store.open(path)
    accounts = Accounts(store)
    ann, bob = await accounts.all()
    assert ann.permissions == set(Permission)
    assert ann.agent_ids == {"janus": {"7"}}
    assert bob.role == "Role of Bo'b"
    assert bob.permissions == {Permission.VIEW_AUDIT}
    assert (await accounts.sign_in("ann", PASSWORD)).name == "ann"
    assert (await accounts.verify_token(token)) == ann
    await accounts.close()
    await store.close()
