"""The pages that the page's own menus lead to: one line each, with who sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from appliance.console.hub import SEES_CALLS
from appliance.monitoring.policy import Account, Permission

Place = Literal["bar", "settings", "person"]


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A page, by its address; any one of the permissions opens it, an empty set to everybody."""

    path: str
    label: str
    place: Place
    any_of: frozenset[Permission] = frozenset()
    every: bool = False
    """All of them are needed."""

    def open_to(self, account: Account) -> bool:
        """The account may use the page."""
        if self.every:
            return self.any_of <= account.permissions
        return not self.any_of or not self.any_of.isdisjoint(account.permissions)


DEVICE: Final = frozenset({Permission.MANAGE_DEVICE})
ACCOUNTS: Final = frozenset({Permission.MANAGE_ACCOUNTS})
PANEL: Final = DEVICE | {Permission.MONITOR_ALL_CALLS}
AUDIT: Final = frozenset({Permission.VIEW_AUDIT})

HEALTH: Final = "/settings/health"

FIRST_START: Final = "/first-start"

MENU: Final = (
    MenuItem(FIRST_START, "First start", "bar", DEVICE),
    MenuItem("/interactions", "Interactions", "bar", SEES_CALLS),
    MenuItem("/history", "History", "bar", SEES_CALLS),
    MenuItem("/panel", "Panel", "bar", PANEL),
    MenuItem("/settings/platform", "Call platform", "settings", DEVICE),
    MenuItem("/settings/network", "Network", "settings", DEVICE),
    MenuItem("/settings/box", "Name and time", "settings", DEVICE),
    MenuItem("/settings/site", "Site and headset", "settings", DEVICE),
    MenuItem("/settings/certificate", "Certificate", "settings", DEVICE),
    MenuItem("/settings/updates", "Updates", "settings", DEVICE),
    MenuItem(HEALTH, "Health", "settings", DEVICE),
    MenuItem("/settings/logs", "Log server", "settings", DEVICE),
    MenuItem("/settings/maintenance", "Restart and reset", "settings", DEVICE),
    MenuItem("/settings/accounts", "Accounts", "settings", ACCOUNTS),
    MenuItem("/settings/sign-in", "Sign-in", "settings", ACCOUNTS),
    MenuItem("/settings/backup", "Export and import", "settings", DEVICE | ACCOUNTS, every=True),
    MenuItem("/audit", "Audit log", "settings", AUDIT),
    MenuItem("/account", "Your account", "person"),
)


def menu_of(account: Account, place: Place, *, first_start: bool = False) -> list[MenuItem]:
    """What *account* sees there, in the menu's order; the *first_start* only while there is one."""
    return [
        item
        for item in MENU
        if item.place == place
        and item.open_to(account)
        and (first_start or item.path != FIRST_START)
    ]


def home_of(account: Account, *, first_start: bool = False) -> str:
    """The address of the page that is most use to the account."""
    places: tuple[Place, ...] = ("bar", "settings", "person")
    pages = [item for place in places for item in menu_of(account, place, first_start=first_start)]
    return pages[0].path
