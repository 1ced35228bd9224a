"""Which call platform the box uses: tested, saved, and put to use by beginning anew.

Beginning anew is what a start is: control takes down all that it has and builds it with the other
driver. The page and the command line come back by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pydantic import JsonValue

from appliance.console.ports.monitoring import Monitoring
from appliance.console.ports.provisioning import Chosen, Platform
from appliance.console.ports.records import AuditLog
from appliance.console.settings import ConsoleError
from appliance.monitoring.audit import Entry
from appliance.platforms.protocol import Check
from appliance.platforms.settings import PlatformSettings
from appliance.platforms.withheld import without_secrets
from appliance.provisioning.platform_file import PlatformFile, PlatformFileError
from appliance.provisioning.renewal import Renewal

log = logging.getLogger(__name__)

CHECK_LIMIT_S = 32.0
"""Longer than any driver's own limit."""


def choose(file: PlatformFile, otherwise: PlatformSettings) -> Chosen:
    """The platform that was chosen on the page, else that of the settings file."""
    try:
        found = file.read()
    except PlatformFileError as error:
        log.error("%s", error.detail, extra={"CODE": error.code})
        return Chosen(otherwise, "file", error.detail)
    return Chosen(otherwise, "file") if found is None else Chosen(found, "page")


class PlatformChooser:
    """The choice in this life of the process; *renew* asks for the next one."""

    def __init__(
        self,
        now: Chosen,
        file: PlatformFile,
        platform: Platform,
        monitoring: Monitoring,
        audit: AuditLog,
        *,
        make: Callable[[PlatformSettings], Platform],
        renew: Callable[[], None],
    ) -> None:
        self.now = now
        self.renewal = Renewal(monitoring, renew)
        self._file, self._platform = file, platform
        self._audit, self._make = audit, make
        self._checking = asyncio.Lock()

    @property
    def restarting(self) -> bool:
        """Another one was chosen; the process is about to begin anew with it."""
        return self.renewal.begun

    async def check(self, settings: PlatformSettings) -> list[Check]:
        """Test the connection with *settings*; one test at a time, else ``busy``."""
        if self._checking.locked():
            raise ConsoleError(429, "busy", "Another test is running. Try again.", retry_after=5)
        async with self._checking:
            try:
                async with asyncio.timeout(CHECK_LIMIT_S):
                    platform = await self._tested(settings)
                    return await platform.check()
            except TimeoutError:
                words = "The test took too long and was given up. Try again."
                return [Check("address", passed=False, detail=words)]

    async def _tested(self, settings: PlatformSettings) -> Platform:
        """The driver in use knows what it has at the platform already; any other does not."""
        if _in_force(settings) == _in_force(self.now.settings):
            return self._platform
        return await asyncio.to_thread(self._make, settings)  # it may have to be imported

    async def use(self, who: str, settings: PlatformSettings) -> None:
        """Save *settings* and begin anew with them; on record first, and not in a call.

        Raises ``busy``, ``audit_unwritable``, `PlatformFileError`; then nothing has changed.
        """
        entry = Entry(who, "platform_changed", detail=_change(self.now.settings, settings))
        await self._begin_anew(entry, lambda: self._file.write(settings))

    async def go_back(self, who: str) -> None:
        """Forget what was chosen on the page and begin anew; raises as `use` does."""
        await self._begin_anew(Entry(who, "platform_reset"), self._file.delete)

    async def _begin_anew(self, entry: Entry, write: Callable[[], None]) -> None:
        if self.restarting:
            raise ConsoleError(409, "busy", "The box restarts its connection already.")
        async with self.renewal.once():
            await self._audit.append(entry)
            await asyncio.to_thread(write)
            log.info("%s: %s; beginning anew", entry.actor, entry.action)


def _in_force(settings: PlatformSettings) -> object:
    return settings.driver, getattr(settings, settings.driver)


def _change(before: PlatformSettings, after: PlatformSettings) -> dict[str, JsonValue]:
    """The driver and its settings without secrets, and the names of what differs."""
    old, new = getattr(before, after.driver), getattr(after, after.driver)
    changed = [n for n in type(new).model_fields if getattr(old, n) != getattr(new, n)]
    return {
        "driver": after.driver,
        "before": before.driver,
        "changed": list[JsonValue](changed),
        "settings": without_secrets(new),
    }
