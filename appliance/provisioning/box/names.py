"""What the box is called: its host name (systemd-hostnamed) and the name that Avahi announces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from appliance.monitoring.audit import Entry
from appliance.provisioning.box.shipped import ShippedFile
from appliance.provisioning.bus import BusError, Place, ServiceAbsentError, SystemBus, Talk
from appliance.provisioning.neighbours import Log
from appliance.provisioning.words import said

_HOSTNAMED: Final = Place(
    "org.freedesktop.hostname1", "/org/freedesktop/hostname1", "org.freedesktop.hostname1"
)
_AVAHI: Final = Place("org.freedesktop.Avahi", "/", "org.freedesktop.Avahi.Server")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST: Final = 64
"""What Linux takes (``HOST_NAME_MAX``); RFC 1123, 2.1 would allow 255."""


def _host_name(text: str) -> str:
    """A host name (RFC 1123, 2.1), in small letters. Raises ``ValueError`` in plain words."""
    name = text.strip().lower()
    if not name:
        raise ValueError("This is needed.")
    if len(name) > LONGEST:
        raise ValueError(said("This may have at most {longest} characters.", longest=LONGEST))
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(
            "A host name has letters, digits and hyphens, and dots between its parts; "
            "no part begins or ends with a hyphen."
        )
    if name.rpartition(".")[2].isdigit():
        raise ValueError("The last part cannot be a number: that would be an address.")
    if name == "localhost" or name.startswith("localhost."):
        raise ValueError("Every machine calls itself localhost; give another name.")
    return name


def _pretty(text: str) -> str:
    words = " ".join(text.split())
    if not words.isprintable():
        raise ValueError("This has characters that cannot be shown.")
    return words


HostName = Annotated[str, Field(max_length=255), AfterValidator(_host_name)]
BoxDescription = Annotated[str, Field(max_length=64), AfterValidator(_pretty)]


class NameSettings(BaseModel):
    """What the box shall be called."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: HostName
    """Letters, digits and hyphens: ``bargebox-desk-7``."""

    description: BoxDescription = ""
    """For people: whose box it is, or where it stands."""


class NamesView(BaseModel):
    """What the box is called."""

    managed: bool
    """False where the name cannot be changed here; ``detail`` says why."""
    detail: str = ""
    name: str = ""
    description: str = ""
    announced: str = ""
    """The name that Avahi answers to on this network (mDNS); empty when it does not run."""


async def give_names(talk: Talk, name: str | None, description: str | None) -> None:
    """Call the box so; None leaves that as it is. Raises `BusError`."""
    if name is not None:
        await talk.call(_HOSTNAMED, "SetStaticHostname", "sb", name, False)
        with suppress(BusError):  # it learns the name when it starts again
            await talk.call(_AVAHI, "SetHostName", "s", name.partition(".")[0])
    if description is not None:
        await talk.call(_HOSTNAMED, "SetPrettyHostname", "sb", description, False)


class Names:
    """The box's names; *called* is told each host name that hostnamed tells.

    ``now`` is the last of them, empty until then. The unit does not let control see its host's
    name change (``ProtectHostname``), so that the kernel's may be one of long ago.
    """

    def __init__(
        self,
        bus: SystemBus,
        audit: Log,
        called: Callable[[str], None] = lambda name: None,
        *,
        shipped: ShippedFile | None = None,
    ) -> None:
        self._bus, self._audit, self.called = bus, audit, called
        self._shipped = shipped
        self.now = ""

    async def start(self) -> None:
        """Learn what the box is called; without the service it is what the kernel says."""
        await self.view()

    async def view(self) -> NamesView:
        """What it is called now; without the service that there is none, and never an error."""
        try:
            async with self._bus.talk() as talk:
                return await self._view(talk)
        except ServiceAbsentError as error:
            words = f"The box's name cannot be changed here. {error.detail}"
            return NamesView(managed=False, detail=words)
        except BusError as error:
            return NamesView(managed=False, detail=error.detail)

    async def rename(self, who: str, wanted: NameSettings) -> NamesView:
        """Use the names. Raises `BusError`, `BargeboxError`."""
        async with self._bus.talk() as talk:
            before = await self._view(talk)
            detail = {"name": wanted.name, "description": wanted.description, "was": before.name}
            await self._audit.append(Entry(who, "box_renamed", detail=detail))
            if self._shipped is not None:
                first = {"name": before.name, "description": before.description}
                await asyncio.to_thread(self._shipped.keep_first, first)
            await give_names(
                talk,
                None if wanted.name == before.name else wanted.name,
                None if wanted.description == before.description else wanted.description,
            )
            return await self._view(talk)

    async def _view(self, talk: Talk) -> NamesView:
        found = await talk.properties(_HOSTNAMED)
        name = found.get("StaticHostname") or found.get("Hostname", "")
        if name != self.now:
            self.now = name
            self.called(name)
        return NamesView(
            managed=True,
            name=name,
            description=found.get("PrettyHostname", ""),
            announced=await self._announced(talk),
        )

    async def _announced(self, talk: Talk) -> str:
        try:
            if not await talk.runs(_AVAHI.service):
                return ""
            (name,) = await talk.call(_AVAHI, "GetHostNameFqdn")
        except BusError:
            return ""
        return str(name)
