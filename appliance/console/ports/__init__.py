"""What the page and the API need of the rooms below.

The data are the domain's own; the services are named here as small protocols, so that the tests
can bring a compact world of their own. Every method may raise a BargeboxError with its code.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.console.openid.sign_in import OpenIdSignIn
from appliance.console.ports.monitoring import Checks, Monitoring, Panel, Watches
from appliance.console.ports.people import Accounts
from appliance.console.ports.provisioning import (
    Health,
    Platform,
    PlatformChoice,
    SiteSettings,
    Support,
)
from appliance.console.ports.records import AuditLog, History
from appliance.monitoring.account_manager import AccountManager
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.roles import Roles
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.first_start.guide import Guide
from appliance.provisioning.logs.forwarder import LogForwarder
from appliance.provisioning.reset.order import FactoryReset
from appliance.provisioning.system import System


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
