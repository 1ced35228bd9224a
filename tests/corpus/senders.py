"""Who sends: program and version, as the program itself says."""

from __future__ import annotations

import subprocess
from importlib.metadata import version

from tests.platforms.asterisk.server import Asterisk
from tests.platforms.site import Site


async def sender_of(site: Site) -> str:
    """Of a site of the contract suite."""
    if site.name == "janus":
        told = subprocess.run(["janus", "--version"], capture_output=True, text=True).stdout
        return f"Janus {told.partition('(')[2].partition(')')[0]}, VideoRoom"
    if site.name in ("sandbox", "cxengage"):
        return f"{site.name} centre of this project, aiortc {version('aiortc')}"
    async with Asterisk.administrator() as client:
        info = (await client.get("/asterisk/info")).raise_for_status().json()
    return f"Asterisk {info['system']['version']}"
