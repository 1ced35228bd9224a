"""What the page and the API need of the rooms below.

The data are the domain's own; the services are named here as small protocols, so that the tests
can bring a compact world of their own. Every method may raise a BargeboxError with its code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from appliance.control_link.events import Levels, Quality
from appliance.control_link.states import CheckResult
from appliance.control_link.words import Audience, Button
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.audit import AuditRow, Entry
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.policy import Account
from appliance.monitoring.roles import Roles
from appliance.monitoring.session import DeviceView, MonitoringView
from appliance.platforms.protocol import Capability, Check
from appliance.platforms.settings import PlatformSettings

Notice = MonitoringView | DeviceView | Levels | Quality
Unlisten = Callable[[], None]


class Accounts(Protocol):
    """Sign-in. `SignInError` (``sign_in_refused``) when name, password or token is not right."""

    async def sign_in(self, name: str, password: str) -> Account:
        """The account; takes as long for an unknown name as for a known one."""

    async def get(self, name: str) -> Account | None:
        """The account as it stands now, None when it has been removed."""

    async def verify_token(self, token: str) -> Account:
        """The account a bearer token belongs to."""

    async def change_password(self, name: str, old: str, new: str) -> Account:
        """Set a new password; `AccountError` (``invalid_account``) when it is a weak one."""

    async def forget_first_password(self, name: str) -> None:
        """The one-time password of the first start, if it was *name*'s, opens nothing any more."""

    async def known_as(self, name: str) -> str | None:
        """How the account of that name is written, locked or not; None when there is none."""

    async def device_key(self) -> bytes:
        """The box's own secret that signs the cookies of known browsers."""

    async def keep_token_uses(self) -> None:
        """Keep when each token was used last."""

    async def kept_sign_ins(self) -> str:
        """What was kept last, or nothing."""

    async def keep_sign_ins(self, text: str) -> None:
        """Keep *text* over a restart of the process."""


class Monitoring(Protocol):
    """The one monitoring session of the box, and the box as its leg process reports it."""

    def current(self) -> MonitoringView:
        """The session as it truly stands."""

    def device(self) -> DeviceView:
        """Headset, lamps, volume, board."""

    async def monitor(self, account: Account, interaction_id: str) -> MonitoringView:
        """Join silently; returns once the leg listens."""

    async def monitor_next(self, account: Account) -> MonitoringView:
        """Leave and join the next of the account's last list silently; ``no_next``: stay."""

    async def set_microphone(
        self, account: Account, muted: bool, audience: Audience | None = None
    ) -> MonitoringView:
        """Mute, barge in or coach; returns when the gate did. Without audience: as it was."""

    async def hang_up(self, account: Account) -> None:
        """Leave; the call itself goes on."""

    async def set_volume(self, percent: int) -> None:
        """Downlink volume, percent of full."""

    async def self_test(self) -> list[CheckResult]:
        """Check headset and panel; refused (``busy``) in a call."""

    async def close(self) -> None:
        """Begin no session any more, for this life of the process ends; ``busy`` in a call."""

    def reopen(self) -> None:
        """It does not end after all."""

    def listen(self, listener: Callable[[Notice], None]) -> Unlisten:
        """Call *listener* on the loop at each change; it must not block."""


class History(Protocol):
    """Sessions that ended."""

    async def page(
        self, *, supervisor: str | None = None, page: int = 1, per_page: int = 50
    ) -> tuple[list[SessionRecord], int]:
        """One page, newest first, and how many there are in all."""


class AuditLog(Protocol):
    """The audit log."""

    async def latest(self, *, before: int | None = None, limit: int = 100) -> list[AuditRow]:
        """Rows with numbers below *before*, newest first."""

    async def append(self, *entries: Entry) -> None:
        """Have *entries* on record; ``audit_unwritable`` when they cannot be."""

    def export(self) -> AsyncIterator[AuditRow]:
        """Every row, oldest first."""


class Platform(Protocol):
    """What the page shows of the call platform; every driver is one."""

    name: str
    capabilities: frozenset[Capability]

    async def check(self) -> list[Check]:
        """Test the connection, step by step up to the first that fails."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The platform in use, and why it is this one."""

    settings: PlatformSettings
    origin: Literal["page", "file"]
    """Chosen on the page, or in the box's settings file."""
    fault: str = ""
    """Why what was chosen on the page is not used, in words."""


class PlatformChoice(Protocol):
    """Which call platform the box uses, and how it gets another one."""

    now: Chosen
    restarting: bool
    """Another one was chosen; the process is about to begin anew with it."""

    async def check(self, settings: PlatformSettings) -> list[Check]:
        """Test the connection with *settings*, whether they are in use or not."""

    async def use(self, who: str, settings: PlatformSettings) -> None:
        """Save *settings* and begin anew with them. Raises ``busy`` in a call."""

    async def go_back(self, who: str) -> None:
        """Begin anew with the settings file's platform. Raises ``busy`` in a call."""


class Panel(Protocol):
    """The buttons of a board that has none of its own."""

    async def press(self, button: Button, down: bool) -> None:
        """A finger goes down on a button, or up."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All of it, handed to `create_app`. ``panel`` is None where the buttons are real."""

    accounts: Accounts
    manager: AccountManager
    roles: Roles
    book: InteractionBook
    monitoring: Monitoring
    history: History
    audit: AuditLog
    platform: Platform
    choice: PlatformChoice
    panel: Panel | None
