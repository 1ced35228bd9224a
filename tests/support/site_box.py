"""A box that settings are applied to while control does not serve, all of it real."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.commands.provisioning import offline, provisioned
from appliance.commands.services import places_of
from appliance.demo.box import to_toml
from appliance.provisioning.network.router import router_fault
from appliance.provisioning.site_file.exporting import document_of
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.services import Services
from appliance.settings import InForce, load_in_force
from tests.support.certificate_site import SiteAuthority

DOCUMENT = Path(__file__).parents[2] / "docs/bargebox-toml.md"
PASSWORD = "correct horse battery"


def example() -> str:
    """The example of the documentation."""
    found = re.search(r"(?ms)^```toml\n(.*?)^```", DOCUMENT.read_text())
    assert found is not None
    return found[1]


def without_system(text: str) -> str:
    """A document without the parts that need services of the machine."""
    return text[: text.index("[box]")] + text[text.index("[certificate]") :]


def put_beside(folder: Path, name: str = "bargebox-desk-7", authority: Path | None = None) -> None:
    """The files that the example names: a root, and a certificate of it with its key."""
    site = SiteAuthority(authority or folder.parent / "authority")
    leaf, key = site.issue(name)
    for file, text in (("page.pem", leaf), ("page.key", key), ("root.pem", site.pem)):
        (folder / file).write_text(text)


@dataclass
class SiteBox:
    """A box in *folder*, with a boot partition and a place for sticks, and the system bus *bus*."""

    folder: Path
    bus: str = ""
    router_fault: Callable[[list[str]], Awaitable[str]] = router_fault

    def __post_init__(self) -> None:
        self.boot, self.media = self.folder / "boot", self.folder / "media"
        self.state, self.file = self.folder / "state", self.folder / "etc/bargebox.toml"
        for made in (self.boot, self.media, self.state, self.file.parent):
            made.mkdir(parents=True, exist_ok=True)
        box = {
            "run_dir": str(self.folder),
            "state_dir": str(self.state),
            "system_bus": self.bus,
            "provisioning_dirs": [str(self.boot)],
            "provisioning_media": [str(self.media)],
        }
        names = {"names": ["bargebox-desk-7"]}
        soon = {"resume_window_s": 0.5}  # no leg will show up
        self.file.write_text(to_toml({"box": box, "monitoring": soon, "console": names}))

    async def found(self) -> InForce:
        """The settings of the next life."""
        return await asyncio.to_thread(load_in_force, self.file)

    def put(self, text: str, folder: Path | None = None) -> Path:
        """A document on the boot partition, or elsewhere."""
        path = (folder or self.boot) / "bargebox.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def report(self, folder: Path | None = None) -> str:
        """What the box says of it."""
        return ((folder or self.boot) / "bargebox-report.txt").read_text()

    async def start(self) -> bool:
        """What control does before its page is there."""
        return await provisioned(await self.found(), self.file)

    @asynccontextmanager
    async def offline(self) -> AsyncIterator[tuple[Provisioner, Services]]:
        """Its services."""
        async with offline(await self.found(), self.file) as (provisioner, services):
            yield provisioner, services

    async def finish(self) -> None:
        """What control does once its page is there."""
        async with self.offline() as (_, services):
            looks = replace(services, router_fault=self.router_fault)
            places = places_of((await self.found()).settings.box)
            await Provisioner(looks, places, in_service=_in_service).with_the_page()

    async def document(self, *, secrets: bool = False) -> dict[str, Any]:
        """Its state."""
        async with self.offline() as (_, services):
            return await document_of(services, secrets=secrets)


async def _in_service() -> bool:
    return True
