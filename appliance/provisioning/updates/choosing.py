"""The bundle that somebody chose: where it is, and whether it is one for this box."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.bus import BusError
from appliance.provisioning.neighbours import Log
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.updates.errors import WORDS, UpdateError, of_bus
from appliance.provisioning.updates.folder import BundleFolder
from appliance.provisioning.updates.rauc import Found, Rauc
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.shape import fault_of
from appliance.provisioning.updates.sticks import path_on
from appliance.provisioning.updates.versions import age_of
from appliance.provisioning.updates.views import BundleView, Source
from appliance.service.errors import BargeboxError

LONGEST_NAME: Final = 100
SYSTEM_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
"""All that Debian believes, in the one file that RAUC's curl reads by itself."""
SILENT: Final = "rauc info error"
"""All that RAUC before 1.9 says of a bundle that it does not take."""


@dataclass(slots=True)
class Chosen:
    """A bundle, as RAUC is told of it."""

    source: str
    """A path or an address."""
    view: BundleView
    access: dict[str, str] = field(default_factory=dict)
    """More of ``InstallBundle``'s arguments."""


class Chooser:
    """Finds bundles and looks at them. Methods raise `UpdateError`.

    *authorities* are the site's own (PEM), believed beside the system's.
    """

    def __init__(
        self,
        folder: BundleFolder,
        settings: UpdateSettings,
        audit: Log,
        authorities: Callable[[], str],
    ) -> None:
        self._folder, self._sticks = folder, settings.sticks
        self._audit, self._authorities = audit, authorities

    def uploaded(self, name: str, size: int) -> Chosen:
        """The one that came; *name* is only for people."""
        plain = "".join(filter(str.isprintable, PurePosixPath(name.replace("\\", "/")).name))
        view = _view("upload", plain[-LONGEST_NAME:] or self._folder.bundle.name, size)
        return Chosen(str(self._folder.bundle), view)

    async def on_stick(self, name: str) -> Chosen:
        """The one of that name among `bundles_on`."""
        path = await asyncio.to_thread(path_on, self._sticks, name)
        try:
            if path is None:
                raise UpdateError("stick_gone")
            size = (await asyncio.to_thread(path.stat)).st_size
        except OSError as error:
            raise UpdateError("stick_gone") from error
        return Chosen(str(path), _view("stick", name, size))

    async def on_server(self, address: str) -> Chosen:
        """The one at an address (https). Raises `NotChangedError`."""
        _check(address)
        # What follows a question mark is often a key to it, and this is shown and kept on record.
        shown = address.partition("#")[0].partition("?")
        name = f"{shown[0]}?…" if shown[1] else shown[0]
        chosen = Chosen(address, _view("server", name, None))
        if site := self._authorities():
            text = await asyncio.to_thread(_with_the_system_s, site)
            path = await asyncio.to_thread(self._folder.write_authorities, text)
            chosen.access["tls-ca"] = str(path)  # in the place of the system's, so with them
        return chosen

    async def judge(self, who: str, rauc: Rauc, chosen: Chosen, running: str) -> None:
        """Have RAUC check it, and the choice on record; fills in what it says of itself."""
        detail: dict[str, JsonValue] = {"source": chosen.view.source, "name": chosen.view.name}
        try:
            await self._inspect(rauc, chosen, (await rauc.now()).compatible, running)
            told = detail | {"version": chosen.view.version}
            await self._audit.append(Entry(who, "update_chosen", detail=told))
        except BargeboxError as error:
            self._audit.note(Entry(who, "update_refused", detail=detail | {"code": error.code}))
            raise

    async def _inspect(self, rauc: Rauc, chosen: Chosen, own: str, running: str) -> None:
        if chosen.view.size is not None:
            code = await asyncio.to_thread(fault_of, Path(chosen.source))
            if code:
                raise UpdateError(code)
        found = await _found(rauc, chosen)
        if found.compatible != own:
            raise UpdateError("wrong_compatible", found=found.compatible or "–", own=own)
        if found.manifest_hash:  # what is installed is what was looked at
            chosen.access["require-manifest-hash"] = found.manifest_hash
        told = {
            "compatible": found.compatible,
            "version": found.version,
            "description": found.description,
            "age": age_of(found.version, running),
        }
        chosen.view = chosen.view.model_copy(update=told)


async def _found(rauc: Rauc, chosen: Chosen) -> Found:
    try:
        return await rauc.inspect(chosen.source, chosen.access)
    except BusError as error:
        if SILENT in error.detail.lower():
            far = chosen.view.size is None
            raise UpdateError("bundle_unreachable" if far else "bundle_untrusted") from error
        raise of_bus(error) from error


def _view(source: Source, name: str, size: int | None) -> BundleView:
    return BundleView(
        source=source,
        name=name,
        size=size,
        compatible="",
        version="",
        description="",
        age="unknown",
    )


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or not address.isascii() or not address.isprintable() or " " in address:
        raise NotChangedError.of({"address": WORDS["address_not_https"]})
    if parts.username is not None or parts.password is not None:
        raise NotChangedError.of({"address": WORDS["address_with_name"]})


def _with_the_system_s(site: str) -> str:
    """The site's authorities and those of the system; waits for the disk."""
    try:
        known = SYSTEM_AUTHORITIES.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        known = ""
    return f"{known}\n{site}"
