"""The choice of the call platform behind the page: the real one, on a file in memory."""

from __future__ import annotations

from pathlib import Path

from appliance.console.platform_choice import PlatformChooser, choose
from appliance.platforms.settings import PlatformSettings
from appliance.provisioning.platform_file import PlatformFile
from tests.support.console_memory import MemoryAudit
from tests.support.console_monitoring import FakePlatform, MemoryMonitoring


class MemoryPlatformFile(PlatformFile):
    """Holds the choice; fails with *fault* when it is set."""

    def __init__(self, kept: PlatformSettings | None = None) -> None:
        super().__init__(Path("/nowhere/platform.json"))
        self.kept = kept
        self.fault: Exception | None = None

    def read(self) -> PlatformSettings | None:
        self._fail()
        return self.kept

    def write(self, settings: PlatformSettings) -> None:
        self._fail()
        self.kept = settings

    def delete(self) -> None:
        self._fail()
        self.kept = None

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


class MemoryChooser(PlatformChooser):
    """The real one; what it makes and renews is written down, and a new life begins at once."""

    def __init__(
        self,
        file: MemoryPlatformFile,
        platform: FakePlatform,
        monitoring: MemoryMonitoring,
        audit: MemoryAudit,
        otherwise: PlatformSettings,
    ) -> None:
        self.file, self.otherwise, self._memory = file, otherwise, monitoring
        self.made: list[PlatformSettings] = []
        self.lives = 1
        super().__init__(
            choose(file, otherwise),
            file,
            platform,
            monitoring,
            audit,
            make=self._made,
            renew=self._renewed,
        )
        self.other = FakePlatform()
        """What is made of settings that are not in use."""

    def _made(self, settings: PlatformSettings) -> FakePlatform:
        self.made.append(settings)
        return self.other

    def _renewed(self) -> None:
        self.lives += 1
        self.now = choose(self.file, self.otherwise)
        self._memory.closed_by.clear()
        self.renewal.begun = False
