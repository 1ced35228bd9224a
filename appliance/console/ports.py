"""What the page and the API need of the rooms below.

The data are the domain's own; the services are named here as small protocols, so that the tests
can bring a compact world of their own. Every method may raise a BargeboxError with its code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.control_link.events import Levels, Quality
from appliance.control_link.states import CheckResult, HeadsetFound, Press
from appliance.control_link.words import Audience, Button, CheckKind, Lamp
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.audit import Entry
from appliance.monitoring.audit_checker import Checked
from appliance.monitoring.audit_head import SignedHead
from appliance.monitoring.audit_search import EVERYTHING, AuditQuery, Found
from appliance.monitoring.check_view import CheckView
from appliance.monitoring.curve import Curve
from appliance.monitoring.desk import Alert
from appliance.monitoring.history import SessionRecord
from appliance.monitoring.history_list import Names
from appliance.monitoring.history_query import HistoryQuery
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.policy import Account
from appliance.monitoring.roles import Roles
from appliance.monitoring.session import DeviceView, MonitoringView
from appliance.monitoring.terms import NOTHING_GIVEN, Given, Terms
from appliance.monitoring.watches import Key, Watched
from appliance.platforms.protocol import Capability, Check
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.health.monitor import Told
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.site_file.changes import Change
from appliance.provisioning.site_file.reading import GivenFile
from appliance.provisioning.system import System

Notice = MonitoringView | DeviceView | Levels | Quality | Alert | CheckView
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

    terms: Terms
    """What the site asks before each call."""

    async def monitor(
        self, account: Account, interaction_id: str, given: Given = NOTHING_GIVEN
    ) -> MonitoringView:
        """Join silently, *given* what the terms ask for; returns once the leg listens."""

    async def monitor_next(self, account: Account, given: Given = NOTHING_GIVEN) -> MonitoringView:
        """Leave and join the next of the account's last list silently; ``no_next``: stay."""

    async def set_microphone(
        self,
        account: Account,
        muted: bool,
        audience: Audience | None = None,
        *,
        only_live: bool = False,
    ) -> MonitoringView:
        """Mute, barge in or coach; returns when the gate did. Without audience: as it was. With
        *only_live* who is muted stays so (``stale``).
        """

    async def hang_up(self, account: Account) -> None:
        """Leave; the call itself goes on."""

    async def set_volume(self, percent: int) -> None:
        """Downlink volume, percent of full."""

    async def self_test(self) -> list[CheckResult]:
        """Check headset and panel; refused (``busy``) in a call."""

    async def headsets(self) -> list[HeadsetFound]:
        """Those that are plugged in; none while the leg is away."""

    def announce(self, account: str) -> None:
        """The box says that a call began that *account* watches for, where that disturbs nobody."""

    async def close(self) -> Callable[[], None]:
        """Begin no session until what this returns is called; ``busy`` in a call."""

    def listen_presses(self, listener: Callable[[Press], None]) -> Unlisten:
        """Call *listener* on the loop at each press of the box's buttons; it must not block."""

    async def show_recovery(self, on: bool) -> None:
        """Both lamps tell that a password can be set anew, or no more; refused in a call."""

    def listen(self, listener: Callable[[Notice], None]) -> Unlisten:
        """Call *listener* on the loop at each change; it must not block."""


class Watches(Protocol):
    """Agents and queues whose next call an account wants to be told of."""

    async def of(self, account: str) -> list[Watched]:
        """What it watches."""

    async def add(self, account: str, watched: Watched) -> None:
        """One more; `WatchError` (``too_many_watches``) beyond the most."""

    async def remove(self, account: str, key: Key) -> None:
        """One less."""


class History(Protocol):
    """Sessions that ended. *only* is whose of them may be seen, None for everybody's."""

    async def pick(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> tuple[list[SessionRecord], int]:
        """One page of what *query* asks for, and how many there are in all."""

    async def names(self, *, only: str | None = None) -> Names:
        """The names that they can be filtered by."""

    def export(
        self, query: HistoryQuery, *, only: str | None = None
    ) -> AsyncIterator[SessionRecord]:
        """All that *query* lets through, oldest first."""

    async def get(self, session_id: str) -> SessionRecord | None:
        """One, also while it is running."""

    async def curve(self, session_id: str) -> Curve | None:
        """How it sounded over its time; None where that was not kept."""


class AuditLog(Protocol):
    """The audit log."""

    async def search(
        self, query: AuditQuery = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> Found:
        """Rows with numbers below *before*, newest first."""

    async def append(self, *entries: Entry) -> None:
        """Have *entries* on record; ``audit_unwritable`` when they cannot be."""

    def note(self, entry: Entry) -> None:
        """Have *entry* on record soon; never fails and never waits."""

    def export(self) -> AsyncIterator[str]:
        """Every row, oldest first, and the signed head: JSON lines, several at a time."""

    async def head(self) -> SignedHead | None:
        """Where the log ends, signed; None only in the first moments of a box."""

    @property
    def checked(self) -> Checked | None:
        """The last check of the whole log in this life of the process."""

    async def check(self) -> Checked:
        """Check the whole log; ``store_failed`` when it cannot be read."""


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


class Health(Protocol):
    """What is wrong with the box, and what it can mend."""

    @property
    def codes(self) -> tuple[str, ...]:
        """All that may be found."""

    @property
    def as_of(self) -> datetime | None:
        """When something was looked at last; None until then."""

    def findings(self) -> list[Told]:
        """What is wrong, the worst first."""

    async def look(self) -> None:
        """Look at everything now."""

    async def mend(self, code: str, who: str) -> None:
        """Mend a finding; ``not_found`` when it is not there, ``no_fix`` when the box cannot."""


class SiteSettings(Protocol):
    """The box's settings as one document."""

    restarting: bool
    """Others were given; the process is about to begin anew with them."""

    async def chosen(self) -> ChosenSettings:
        """What is in force of the site's settings."""

    async def boards(self) -> list[str]:
        """The boards that there are profiles of."""

    async def report(self) -> str:
        """What became of the last document."""

    async def choose(self, who: str, wanted: ChosenSettings) -> None:
        """Use *wanted* over what is in force. Raises ``busy`` in a call."""

    async def export(self, who: str, passphrase: str) -> str:
        """The document, its secrets sealed by the passphrase, or without them."""

    async def check(self, text: str, passphrase: str) -> tuple[GivenFile, list[Change]]:
        """A document that could be imported, and what it would change."""

    async def use(self, who: str, given: GivenFile) -> None:
        """Begin anew with it. Raises ``busy`` in a call."""

    async def begin_anew(self) -> None:
        """Begin anew with what was planned at the box. Raises ``busy`` in a call."""


class Support(Protocol):
    """What somebody who helps needs to see of the box."""

    async def make(self, who: str, figures: str) -> AsyncIterator[bytes]:
        """A tar.gz, in pieces, with the metrics *figures*; ``busy`` while another one is made."""


class Checks(Protocol):
    """Headset and panel as a person tries them, in idle; else ``busy``."""

    now: CheckView

    async def begin(self, who: str, kind: CheckKind) -> CheckView:
        """Begin; the headset's opens the microphone for at most 30 s."""

    async def end(self) -> CheckView:
        """End what runs."""

    async def tone(self) -> CheckView:
        """Play a tone in the ear; ``headset_lost`` without one."""

    async def light(self, lamp: Lamp | None) -> CheckView:
        """Have a lamp blink, or none; ``no_check`` unless the panel is being checked."""


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
    watches: Watches
    history: History
    audit: AuditLog
    platform: Platform
    choice: PlatformChoice
    system: System
    panel: Panel | None
    certificates: CertificateKeeper
    authorities: Authorities
    openid: OpenIdSignIn
    health: Health
    site: SiteSettings
    support: Support
    checks: Checks
    first_start: Guide
    reset: FactoryReset
    logs: LogForwarder
