"""CxEngage with SIP extensions: called through a real Asterisk, which plays the site's PBX."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.platforms.asterisk.server import ADDRESS, LEG_PASSWORD, WS_URL, Asterisk
from tests.platforms.cxengage.process import BOX, USERS, StandinProcess, user_settings
from tests.platforms.cxengage.site import CxEngageSite

TRUNK = "cxengage"
ENDPOINTS = {name: f"box-{name}" for name in (*USERS, BOX)}


def extension_of(user: str) -> dict[str, Any]:
    """The user's active extension."""
    value = f"sip:to-{ENDPOINTS[user]}@{ADDRESS}"
    return {"type": "sip", "value": value, "provider": "", "description": "PBX"}


def sip_settings(user: str) -> dict[str, Any]:
    """The section ``sip`` of the user's box."""
    return {
        "ws_url": WS_URL,
        "endpoint": ENDPOINTS[user],
        "password": LEG_PASSWORD,
        "caller": TRUNK,
    }


class CxEngageSipSite(CxEngageSite):
    """Implements `tests.platforms.site.Site`."""

    name = "cxengage-sip"

    def __init__(self, standin: StandinProcess, pbx: Asterisk) -> None:
        super().__init__(standin)
        self.standin, self.pbx = standin, pbx

    def section(self, user: str) -> dict[str, Any]:
        return {"sip": sip_settings(user)}

    async def ours(self) -> list[str]:
        async with self.pbx.administrator() as client:
            channels = (await client.get("/channels")).raise_for_status().json()
        return [*await super().ours(), *(one["name"] for one in channels)]


@asynccontextmanager
async def cxengage_sip_site(directory: Path) -> AsyncIterator[CxEngageSipSite]:
    """A running stand-in and PBX without calls."""
    pbx = Asterisk(directory / "pbx", {}, list(ENDPOINTS.values()), [TRUNK])
    users = [user_settings(name, extension=extension_of(name)) for name in ENDPOINTS]
    standin = StandinProcess(
        directory,
        users=users,
        trunk={"ws_url": WS_URL, "user": TRUNK, "password": LEG_PASSWORD},
    )
    try:
        await pbx.start()
        await standin.start()
        yield CxEngageSipSite(standin, pbx)
    finally:
        await standin.close()
        await pbx.kill()
