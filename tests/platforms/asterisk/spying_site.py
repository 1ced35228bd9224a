"""The same contact centre, where boxes have no ARI: AMI, and ChanSpy in the dialplan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from appliance.platforms.drivers import make_driver
from appliance.platforms.protocol import Driver
from appliance.platforms.settings import PlatformSettings
from tests.platforms.asterisk.server import AMI_PASSWORD, AMI_URL, AMI_USER
from tests.platforms.asterisk.site import AsteriskSite, asterisk_site


class SpyingSite(AsteriskSite):
    """Implements `tests.platforms.site.Site`; ARI is the administrator's alone here."""

    name = "asterisk-chanspy"
    template = "spying-leg"

    def driver(self, **settings: object) -> Driver:
        return driver_of(self.settings() | settings)

    def settings(self) -> dict[str, Any]:
        ami = {"ami_url": AMI_URL, "user": AMI_USER, "password": AMI_PASSWORD}
        nothing_listens = {"url": "http://127.0.0.1:9"}
        return super().settings() | {"mode": "chanspy", **ami, **nothing_listens}


def driver_of(settings: dict[str, Any]) -> Driver:
    """The driver of a box with this section."""
    section = {"driver": "asterisk", "asterisk": settings}
    return make_driver(PlatformSettings.model_validate(section))


@asynccontextmanager
async def spying_site(directory: Path) -> AsyncIterator[AsteriskSite]:
    """A running server with its phones, and no calls."""
    async with asterisk_site(directory, SpyingSite) as site:
        yield site
