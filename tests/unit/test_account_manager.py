"""Accounts and roles as people change them: on record, and never without a manager."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from appliance.monitoring.accounts import SignInError
from appliance.monitoring.audit import AuditUnwritableError
from appliance.monitoring.policy import Account, Permission
from appliance.monitoring.roles import MAX_ROLES
from tests.support.office import PASSWORD, Office, code_of

DAY = timedelta(days=1)
VIEW = Permission.VIEW_ALL_MONITORED_CALLS
MANAGE = Permission.MANAGE_ACCOUNTS


# -- accounts


async def test_a_new_account_has_a_password_told_once_and_changed_first(office: Office) -> None:
    record, password = await office.manager.create(
        office.ann, " sue ", "Supervisor", {"janus": ["7", " 7 ", ""], "cxengage": []}
    )
    assert (record.account.name, record.locked, record.last_sign_in_at) == ("sue", False, None)
    assert record.account.agent_ids == {"janus": frozenset({"7"})}
    assert (await office.accounts.sign_in("sue", password)).must_change_password
    ((who, row),) = await office.records("account_created")
    assert (who, row["account"], row["role"]) == ("ann", "sue", "Supervisor")
    everything = "".join(str(row) for row in (await office.audit.search()).rows)
    assert password not in everything


async def test_role_and_agent_ids_change_alone_and_on_record(office: Office) -> None:
    changed = await office.manager.change(office.ann, "BOB", agent_ids={"janus": ["9"]})
    assert (changed.account.role, changed.account.agent_ids) == (
        "Supervisor",
        {"janus": frozenset({"9"})},
    )
    changed = await office.manager.change(office.ann, "bob", role="Technician")
    assert (changed.account.role, changed.account.agent_ids["janus"]) == (
        "Technician",
        frozenset({"9"}),
    )
    told = await office.records("account_changed")
    assert told == [
        ("ann", {"account": "bob", "role": "Technician", "role_before": "Supervisor"}),
        ("ann", {"account": "bob", "agent_ids": {"janus": ["9"]}}),
    ]
    assert await code_of(office.manager.change(office.ann, "bob", role="King")) == "invalid_account"
    assert await code_of(office.manager.change(office.ann, "eve", role="King")) == "not_found"
    many = {"janus": [str(n) for n in range(51)]}
    refused = office.manager.change(office.ann, "bob", agent_ids=many)
    assert await code_of(refused) == "invalid_account"
    assert len(await office.records("account_changed")) == 2


async def test_a_reset_ends_what_was_signed_in_and_is_told_once(office: Office) -> None:
    before = await office.accounts.get("bob")
    password = await office.manager.reset_password(office.ann, "bob")
    after = await office.accounts.get("bob")
    assert before is not None
    assert after is not None
    assert after.stamp != before.stamp
    assert after.must_change_password
    with pytest.raises(SignInError):
        await office.accounts.sign_in("bob", PASSWORD)
    own = await office.accounts.change_password("bob", password, "my own good one")
    assert own.stamp not in (before.stamp, after.stamp)
    assert await office.records("password_reset") == [("ann", {"account": "bob"})]
    assert await office.records("password_changed") == [("bob", {})]


async def test_a_locked_account_opens_nothing(office: Office) -> None:
    _, token = await office.manager.create_token(office.bob, "bob", "script", None, DAY)
    before = await office.accounts.get("bob")
    await office.manager.set_locked(office.ann, "bob", True)
    assert await office.accounts.get("bob") is None
    assert await code_of(office.accounts.verify_token(token)) == "sign_in_refused"
    assert await code_of(office.accounts.sign_in("bob", "a wrong password")) == "sign_in_refused"
    assert await code_of(office.accounts.sign_in("bob", PASSWORD)) == "account_locked"
    changing = office.accounts.change_password("bob", PASSWORD, "another good one")
    assert await code_of(changing) == "account_locked"
    await office.manager.set_locked(office.ann, "bob", False)
    after = await office.accounts.sign_in("bob", PASSWORD)
    assert before is not None
    assert after.stamp != before.stamp, "what was signed in before stays out"
    assert (await office.accounts.verify_token(token)).name == "bob"


async def test_the_last_manager_stays(office: Office) -> None:
    lead = await office.roles.create(office.ann, "Lead", [MANAGE])
    await office.manager.change(office.ann, "ann", role="Lead")
    for attempt in (
        office.manager.delete(office.ann, "ann"),
        office.manager.set_locked(office.ann, "ann", True),
        office.manager.change(office.ann, "ann", role="Supervisor"),
        office.roles.change(office.ann, lead.name, [VIEW]),
    ):
        assert await code_of(attempt) == "last_manager"
    account = await office.accounts.get("ann")
    assert account is not None
    assert account.permissions == {MANAGE}
    await office.manager.change(office.ann, "bob", role="Administrator")
    await office.manager.set_locked(office.ann, "bob", True)
    assert await code_of(office.manager.delete(office.ann, "ann")) == "last_manager"
    await office.manager.set_locked(office.ann, "bob", False)
    await office.manager.delete(office.ann, "ann")
    assert [record.account.name for record in await office.manager.all()] == ["bob"]
    assert await office.records("account_deleted") == [("ann", {"account": "ann"})]


async def test_what_cannot_be_put_on_record_is_not_done(office: Office) -> None:
    database = sqlite3.connect(office.path, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(AuditUnwritableError):
            await office.manager.delete(office.ann, "bob")
        await office.manager.signed_in(office.bob, {"address": "10.0.0.9"})  # refuses nobody
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert await office.accounts.get("bob") is not None
    office.audit.start()
    await office.audit.stop()
    assert await office.records("signed_in") == [("bob", {"address": "10.0.0.9"})]


async def test_a_sign_in_is_on_record_and_its_time_is_kept(office: Office) -> None:
    await office.manager.signed_in(office.bob, {"address": "10.0.0.9"})
    seen = (await office.manager.get("bob")).last_sign_in_at
    assert seen is not None
    assert datetime.now(UTC) - seen < timedelta(seconds=30)


# -- roles


async def test_a_custom_role_works_at_once_for_who_has_it(office: Office) -> None:
    await office.roles.create(office.ann, "Coach", [Permission.COACH_ALL_CALLS])
    await office.manager.change(office.ann, "bob", role="coach")
    bob = await office.accounts.get("bob")
    assert bob is not None
    assert (bob.role, bob.permissions) == ("Coach", frozenset({Permission.COACH_ALL_CALLS}))
    await office.roles.change(office.ann, "Coach", [VIEW])
    bob = await office.accounts.get("bob")
    assert bob is not None
    assert bob.permissions == {VIEW}
    listed = [(role.name, role.accounts, role.is_default) for role in await office.roles.all()]
    assert listed == [
        ("Administrator", 1, True),
        ("Supervisor", 0, True),
        ("Technician", 0, True),
        ("Coach", 1, False),
    ]
    assert await code_of(office.roles.delete(office.ann, "Coach")) == "role_in_use"
    await office.manager.change(office.ann, "bob", role="Supervisor")
    await office.roles.delete(office.ann, "Coach")
    actions = [row.action for row in (await office.audit.search()).rows if row.action[:4] == "role"]
    assert actions == ["role_deleted", "role_changed", "role_created"]


@pytest.mark.parametrize("name", ["", "supervisor", "COACH", "a/b", "x" * 65, "bargebox"])
async def test_bad_and_taken_names_of_roles(office: Office, name: str) -> None:
    await office.roles.create(office.ann, "Coach", [])
    assert await code_of(office.roles.create(office.ann, name, [])) == "invalid_account"


async def test_the_box_s_own_roles_stay_and_others_are_bounded(office: Office) -> None:
    change = office.roles.change(office.ann, "technician", [VIEW])
    assert await code_of(change) == "invalid_account"
    assert await code_of(office.roles.delete(office.ann, "Supervisor")) == "invalid_account"
    assert await code_of(office.roles.delete(office.ann, "none")) == "not_found"
    for n in range(MAX_ROLES - 3):
        await office.roles.create(office.ann, f"role {n}", [])
    assert await code_of(office.roles.create(office.ann, "one more", [])) == "invalid_account"


# -- who may give what


async def test_nobody_gives_what_they_lack_unless_they_manage_accounts(office: Office) -> None:
    lead = Account("lead", "Lead", frozenset({MANAGE}))
    await office.roles.create(lead, "Auditor", [Permission.VIEW_AUDIT])
    await office.manager.create(lead, "max", "Auditor", {})
    for attempt in (
        office.roles.create(office.bob, "Root", [MANAGE]),
        office.roles.change(office.bob, "Auditor", [MANAGE]),
        office.manager.create(office.bob, "eve", "Technician", {}),
        office.manager.change(office.bob, "bob", role="Administrator"),
        office.manager.reset_password(office.bob, "ann"),
        office.manager.create_token(office.bob, "ann", "more", None, DAY),
    ):
        assert await code_of(attempt) == "not_permitted"
    await office.manager.create_token(office.bob, "bob", "as I am", None, DAY)
