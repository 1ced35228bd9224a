"""RAUC on the system bus: what it knows, and the few orders that it is given.

The interface is RAUC's own, ``de.pengutronix.rauc.Installer`` (RAUC's reference, D-Bus API).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from dbus_fast import Variant

from appliance.provisioning.bus import BusError, NoObjectError, Place, Talk

SERVICE: Final = "de.pengutronix.rauc"
INSTALLER: Final = f"{SERVICE}.Installer"
COMPLETED: Final = "Completed"
_ROOT: Final = Place(SERVICE, "/", INSTALLER)

LOOK_LIMIT_S: Final = 180.0
"""What looking at a bundle may take: all of a large one is hashed, or it comes from a server."""

BEGIN_LIMIT_S: Final = 30.0
"""What beginning may take: RAUC that began unheard would be somebody else's."""

INSTALLING: Final = "installing"
IDLE: Final = "idle"

Mark = Literal["good", "active"]


@dataclass(frozen=True, slots=True)
class Now:
    """What RAUC does at this moment; the names are its properties'."""

    operation: str = IDLE
    percent: int = 0
    words: str = ""
    last_error: str = ""
    compatible: str = ""
    boot_slot: str = ""

    def changed(self, properties: Mapping[str, Any]) -> Now:
        """With the *properties* that RAUC told of."""
        now = self
        operation = str(properties.get("Operation", now.operation))
        if operation != now.operation:
            now = replace(now, percent=0, words="")  # what is there is of what was before
        if "Progress" in properties:
            percent, words, _ = properties["Progress"]
            now = replace(now, percent=min(max(int(percent), 0), 100), words=str(words))
        return replace(
            now,
            operation=operation,
            last_error=str(properties.get("LastError", now.last_error)),
            compatible=str(properties.get("Compatible", now.compatible)),
            boot_slot=str(properties.get("BootSlot", now.boot_slot)),
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that the box can start from."""

    name: str
    bootname: str
    booted: bool
    good: bool
    """The boot loader would start it."""
    version: str
    """Of the bundle that it was written from; empty where it came with the card."""
    description: str
    installed_at: str
    """RFC 3339, or empty."""
    whole: bool
    """What was written last came to its end."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a bundle says of itself; its signature was checked."""

    compatible: str
    version: str
    description: str = ""
    manifest_hash: str = ""
    """Empty where RAUC is too old to tell."""


class Rauc:
    """RAUC over one connection to the bus. Every method raises `BusError`."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def now(self) -> Now:
        """What it does."""
        with _understood():
            return Now().changed(await self._talk.properties(_ROOT))

    async def slots(self) -> list[Slot]:
        """Those that the box can start from, by name; refused while RAUC does something."""
        with _understood():
            (rows,) = await self._talk.call(_ROOT, "GetSlotStatus")
            found = [_slot(str(name), facts) for name, facts in rows if facts.get("bootname")]
            return sorted(found, key=lambda slot: slot.name)

    async def next_slot(self) -> str:
        """The one that the box starts next time; refused while RAUC does something."""
        with _understood():
            (name,) = await self._talk.call(_ROOT, "GetPrimary")
            return str(name)

    async def inspect(self, source: str, access: Mapping[str, str]) -> Found:
        """What is in the bundle at a path or an address; *access* as in `install`."""
        with _understood():
            return await self._inspected(source, access)

    async def _inspected(self, source: str, access: Mapping[str, str]) -> Found:
        try:
            (facts,) = await self._talk.call(
                _ROOT, "InspectBundle", "sa{sv}", source, _given(access), limit_s=LOOK_LIMIT_S
            )
        except NoObjectError:  # before RAUC 1.9
            compatible, version = await self._talk.call(
                _ROOT, "Info", "s", source, limit_s=LOOK_LIMIT_S
            )
            return Found(str(compatible), str(version))
        update = facts.get("update", {})
        return Found(
            compatible=str(update.get("compatible", "")),
            version=str(update.get("version", "")),
            description=str(update.get("description", "")),
            manifest_hash=str(facts.get("manifest-hash", "")),
        )

    async def install(self, source: str, access: Mapping[str, str]) -> None:
        """Begin to write the bundle into the other slot; *access* are ``InstallBundle``'s."""
        await self._talk.call(
            _ROOT, "InstallBundle", "sa{sv}", source, _given(access), limit_s=BEGIN_LIMIT_S
        )

    async def mark(self, state: Mark, slot: str) -> str:
        """Mark a slot, by its name or as ``booted``; the name of the one that was."""
        with _understood():
            name, _ = await self._talk.call(_ROOT, "Mark", "ss", state, slot)
            return str(name)


@contextmanager
def _understood() -> Iterator[None]:
    """An answer of another shape is the updater's fault, and ends nothing here."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise BusError(f"{SERVICE} answers what Bargebox does not understand.") from error


def _given(access: Mapping[str, str]) -> dict[str, Variant]:
    return {name: Variant("s", value) for name, value in access.items()}


def _slot(name: str, facts: Mapping[str, Any]) -> Slot:
    def word(key: str) -> str:
        return str(facts.get(key, ""))

    return Slot(
        name=name,
        bootname=word("bootname"),
        booted=word("state") == "booted",
        good=word("boot-status") == "good",
        version=word("bundle.version"),
        description=word("bundle.description"),
        installed_at=word("installed.timestamp"),
        whole=word("status") in ("", "ok"),
    )
