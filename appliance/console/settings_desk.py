"""The box's settings as one document, behind the page: shown, exported, imported.

A change is a plan that the next life of control carries out before its page is there, so that a
power cut leaves the old or the new; and no call is interrupted, for in one it is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from appliance.console.language import later
from appliance.console.ports.monitoring import Monitoring
from appliance.console.settings import ConsoleError
from appliance.monitoring.audit import Entry
from appliance.panel.board import board_names
from appliance.provisioning.chosen import ChosenSettings
from appliance.provisioning.renewal import Renewal
from appliance.provisioning.site_file.applying import faults_of
from appliance.provisioning.site_file.changes import Change, changes
from appliance.provisioning.site_file.errors import SiteFileError
from appliance.provisioning.site_file.exporting import as_toml, chosen_of, document_of
from appliance.provisioning.site_file.provisioner import Provisioner
from appliance.provisioning.site_file.reading import GivenFile, places, read_data, read_text
from appliance.provisioning.site_file.sealing import opened, seal
from appliance.provisioning.site_file.services import Services

log = logging.getLogger(__name__)

WITHOUT = (
    "Settings of a Bargebox, without its secrets: passwords, keys, and the certificate that is for",
    "a key. Give each new account a password before you import this elsewhere.",
)
SEALED = ("Settings of a Bargebox. Its secrets are sealed; import it with the passphrase.",)
NEEDED = later("The secrets in it are sealed; give the passphrase.")


class SettingsDesk:
    """For the box *box*; *renew* begins a new life of control."""

    def __init__(
        self,
        box: Services,
        provisioner: Provisioner,
        monitoring: Monitoring,
        report: Path,
        *,
        renew: Callable[[], None],
    ) -> None:
        self.renewal = Renewal(monitoring, renew)
        self._box, self._provisioner, self._report = box, provisioner, report

    @property
    def restarting(self) -> bool:
        """Others were given; the process is about to begin anew with them."""
        return self.renewal.begun

    async def chosen(self) -> ChosenSettings:
        """What is in force of the site's settings. Raises `ChosenFileError`."""
        return await asyncio.to_thread(chosen_of, self._box)

    async def boards(self) -> list[str]:
        """The boards that there are profiles of."""
        return await asyncio.to_thread(board_names, self._box.file.boards_dir)

    async def report(self) -> str:
        """What became of the last document; empty when there was none."""
        return await asyncio.to_thread(_text_of, self._report)

    async def choose(self, who: str, wanted: ChosenSettings) -> None:
        """Use *wanted* from now on; what it leaves out stays. Raises as `use` does."""
        data = wanted.model_dump(mode="json", exclude_none=True)
        data = {name: part for name, part in data.items() if part}
        given = GivenFile(await asyncio.to_thread(read_data, data), data, {})
        faults = await faults_of(self._box, given.document)
        if faults:
            raise SiteFileError.of(faults)
        await self.use(who, given)

    async def export(self, who: str, passphrase: str) -> str:
        """The document as TOML, on record first: without secrets, or with them sealed.

        Raises `SiteFileError`, `AuditUnwritableError`.
        """
        data = await document_of(self._box, secrets=bool(passphrase))
        if passphrase:
            data = await asyncio.to_thread(seal, data, passphrase)
        else:
            data.pop("certificate", None)
        detail = {"secrets": "sealed" if passphrase else "none"}
        await self._box.audit.append(Entry(who, "settings_exported", detail=detail))
        return as_toml(data, *(SEALED if passphrase else WITHOUT))

    async def check(self, text: str, passphrase: str) -> tuple[GivenFile, list[Change]]:
        """A document that could be imported, and what it would change. Raises `SiteFileError`."""
        given = await asyncio.to_thread(read_text, text)
        if given.document.sealed is not None:
            if not passphrase:
                raise SiteFileError.of({"passphrase": NEEDED})
            data = await asyncio.to_thread(opened, given.data, passphrase)
            given = replace(given, data=data, document=await asyncio.to_thread(read_data, data))
        faults = await faults_of(self._box, given.document)
        if faults:
            raise await asyncio.to_thread(places, text, faults)
        return given, changes(await document_of(self._box, parts=given.data.keys()), given)

    async def use(self, who: str, given: GivenFile) -> None:
        """Plan to apply *given* and begin anew with it; on record first.

        Raises ``busy`` in a call, `PlanError`, `AuditUnwritableError`; then nothing has changed.
        """
        log.info("%s gives other settings", who)
        await self._begin_anew(lambda: self._provisioner.take(who, given))

    async def begin_anew(self) -> None:
        """Carry out what was planned at the box. Raises ``busy`` in a call."""
        await self._begin_anew(None)

    async def _begin_anew(self, work: Callable[[], Awaitable[object]] | None) -> None:
        if self.restarting:
            raise ConsoleError(409, "busy", "The box is about to use other settings already.")
        async with self.renewal.once():
            if work is not None:
                await work()


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
