"""What a document is checked against and applied to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.monitoring.people import People
from appliance.monitoring.settings import MonitoringSettings
from appliance.platforms.protocol import Check
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.chosen import ChosenFile, HeadsetPart, PanelPart
from appliance.provisioning.logs.settings import LogForwardingFile
from appliance.provisioning.neighbours import Log
from appliance.provisioning.network.router import router_fault
from appliance.provisioning.openid.keeper import OpenIdKeeper
from appliance.provisioning.platform_file import PlatformFile
from appliance.provisioning.site_file.document import SiteFile
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.system import System

Hashing = Callable[[str], Awaitable[str]]
Faults = dict[str, str]
"""What is wrong, by the name of the value."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the settings file says, where the page may choose otherwise."""

    monitoring: MonitoringSettings
    headset: HeadsetPart
    panel: PanelPart
    platform: PlatformSettings
    boards_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """The box."""

    system: System
    certificates: CertificateKeeper
    authorities: Authorities
    platform: PlatformFile
    people: People
    openid: OpenIdKeeper
    logs: LogForwardingFile
    chosen: ChosenFile
    file: FileSettings
    audit: Log
    hashed: Hashing
    """A password's hash."""
    used_up: Callable[[], Awaitable[None]]
    """The one-time password of the first start opens nothing any more."""
    router_fault: Callable[[list[str]], Awaitable[str]] = router_fault
    """That none of these routers answers, in words."""
    check_platform: Callable[[], Awaitable[list[Check]]] | None = None
    """Test the connection to the platform in use; None before it is there."""

    def platform_now(self) -> PlatformSettings:
        """The platform in force; waits for the disk. Raises `PlatformFileError`."""
        return self.platform.read() or self.file.platform


class Part(Protocol):
    """One part of the document: checked against the box, and applied to it."""

    def concerns(self, document: SiteFile) -> bool:
        """The document has it."""

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """What is wrong with it on this box."""

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Make it so, whether it was so before or not. Raises `BargeboxError`."""
