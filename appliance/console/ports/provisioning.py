"""How the box is set up and how it is: its platform, its settings, its health."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from appliance.platforms.protocol import Capability, Check
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.health.monitor import Told
from appliance.provisioning.site_file.changes import Change
from appliance.provisioning.site_file.reading import GivenFile


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

    @property
    def restarting(self) -> bool:
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

    @property
    def restarting(self) -> bool:
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
