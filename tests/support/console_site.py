"""The box's settings as one document behind the page: the real desk, on files of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.console.ports.monitoring import Monitoring
from appliance.console.settings_desk import SettingsDesk
from appliance.monitoring.audit import Audit
from appliance.monitoring.passwords import Passwords
from appliance.monitoring.people import People
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import Store
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.certificates.authorities import Authorities
from appliance.provisioning.certificates.keeper import CertificateKeeper
from appliance.provisioning.chosen import ChosenFile, HeadsetPart, PanelPart
from appliance.provisioning.neighbours import Log
from appliance.provisioning.platform_file import PlatformFile
from appliance.provisioning.site_file.places import Places
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.report import KEPT
from appliance.provisioning.site_file.services import FileSettings, Services
from appliance.provisioning.system import System
from tests.support.console_monitoring import MemoryMonitoring


class MemoryDesk(SettingsDesk):
    """The real one; `next_life` is what control does when it begins anew."""

    def __init__(
        self,
        folder: Path,
        system: System,
        certificates: CertificateKeeper,
        authorities: Authorities,
        store: Store,
        audit: Log,
        monitoring: Monitoring,
    ) -> None:
        self.folder, self.lives, self.passwords = folder, 1, Passwords()
        self._memory = monitoring
        self.at_once = False
        """Its next life begins by itself."""
        self._life: asyncio.Task[None] | None = None
        box = Services(
            system=system,
            certificates=certificates,
            authorities=authorities,
            platform=PlatformFile(folder / "platform.json"),
            people=People(store, audit if isinstance(audit, Audit) else Audit(store)),
            chosen=ChosenFile(folder / "bargebox.toml.chosen"),
            file=FileSettings(
                monitoring=MonitoringSettings(),
                headset=HeadsetPart(choice="auto"),
                panel=PanelPart(board="virtual", push_to_talk=False),
                platform=PlatformSettings(),
            ),
            audit=audit,
            hashed=self.passwords.hash,
            used_up=self._used_up,
        )
        own = folder / "provisioning"
        self.provisioner = Provisioner(box, Places(own), in_service=self._in_service)
        super().__init__(box, self.provisioner, monitoring, own / KEPT, renew=self._renewed)

    async def next_life(self) -> None:
        """Apply what was planned, and serve again."""
        await self.provisioner.before_the_page()
        await self.provisioner.with_the_page()
        if isinstance(self._memory, MemoryMonitoring):
            self._memory.closed_by.clear()
        self.renewal.begun = False

    def _renewed(self) -> None:
        self.lives += 1
        if self.at_once:
            self._life = asyncio.get_running_loop().create_task(self.next_life())

    async def _used_up(self) -> None:
        pass

    async def _in_service(self) -> bool:
        return True
