"""The menus lead where the account may go, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.console.menu import FIRST_START, MENU, MenuItem, home_of, menu_of
from appliance.monitoring.policy import ROLES, Account, Permission
from tests.support.accounts_world import accounts_world


def account(*permissions: Permission) -> Account:
    return Account("somebody", "custom", frozenset(permissions))


@pytest.mark.parametrize("permission", Permission)
def test_a_page_is_in_the_menu_of_those_who_may_use_it(permission: Permission) -> None:
    who = account(permission)
    for item in MENU:
        shown = item in menu_of(who, item.place, first_start=True)
        alone = not item.every or len(item.any_of) == 1
        assert shown == (not item.any_of or (permission in item.any_of and alone))


def test_the_export_of_a_box_needs_both_its_permissions() -> None:
    both = account(Permission.MANAGE_DEVICE, Permission.MANAGE_ACCOUNTS)
    assert "/settings/backup" in [item.path for item in menu_of(both, "settings")]


def test_everybody_has_a_home() -> None:
    homes = {role: home_of(Account("x", role, ROLES[role])) for role in ROLES}
    assert homes == {
        "Administrator": "/interactions",
        "Supervisor": "/interactions",
        "Technician": "/panel",
    }
    assert home_of(account()).startswith("/")


def test_the_first_start_is_in_the_menu_and_the_home_only_while_there_is_one() -> None:
    admin = Account("x", "Administrator", ROLES["Administrator"])
    supervisor = Account("y", "Supervisor", ROLES["Supervisor"])
    assert FIRST_START not in [item.path for item in menu_of(admin, "bar")]
    assert home_of(admin, first_start=True) == FIRST_START
    assert home_of(supervisor, first_start=True) == "/interactions"


@pytest.mark.parametrize("item", MENU, ids=lambda item: item.path)
async def test_each_page_of_the_menu_is_there_and_marks_itself(
    tmp_path: Path, item: MenuItem
) -> None:
    async with accounts_world(tmp_path) as box, box.client("admin") as client:
        await box.world.certificates.begin()
        await box.world.first_start.begin()
        answer = await client.get(item.path, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    if item.place != "person":
        assert f'<a href="{item.path}" aria-current="page">' in answer.text
