"""NetworkManager on the system bus: what it knows, and the few orders that it is given."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from appliance.provisioning.bus import BusError, NoObjectError, Place, Talk
from appliance.provisioning.network.profiles import Profile

SERVICE: Final = "org.freedesktop.NetworkManager"
_ROOT: Final = Place(SERVICE, "/org/freedesktop/NetworkManager", SERVICE)
_SETTINGS: Final = Place(SERVICE, f"{_ROOT.path}/Settings", f"{SERVICE}.Settings")
_CONNECTION: Final = f"{SERVICE}.Settings.Connection"
_OBJECTS: Final = Place(SERVICE, "/org/freedesktop", "org.freedesktop.DBus.ObjectManager")
NOTHING: Final = "/"

_NO_SUCH_PROFILE: Final = f"{SERVICE}.Settings.InvalidConnection"
_NO_SECRETS: Final = f"{SERVICE}.AgentManager.NoSecrets"
_NO_SUCH_CHECKPOINT: Final = f"{SERVICE}.InvalidArguments"

_DELETE_NEW_CONNECTIONS: Final = 0x02
_DISCONNECT_NEW_DEVICES: Final = 0x04


class Kept(IntEnum):
    """Where a profile is written (``NMSettingsUpdate2Flags``)."""

    ON_DISK = 0x1
    IN_MEMORY = 0x2


class Kind(IntEnum):
    """``NMDeviceType``, as far as the box has them; the last is a cable in a test."""

    ETHERNET = 1
    WIFI = 2
    VLAN = 11
    VETH = 20


class Active(IntEnum):
    """``NMActiveConnectionState``."""

    ACTIVATING = 1
    ACTIVATED = 2
    DEACTIVATING = 3
    DEACTIVATED = 4


UNMANAGED: Final = 10
"""``NM_DEVICE_STATE_UNMANAGED``"""

FAILED: Final = 120
"""``NM_DEVICE_STATE_FAILED``"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What NetworkManager goes back to by itself, unless it is told to stay."""

    path: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of NetworkManager at one moment: by path, by interface, their properties."""

    objects: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def of(self, path: str, part: str) -> Mapping[str, Any]:
        """The properties of an object, empty when there is none; *part* as in ``Device.Wired``."""
        return self.objects.get(path, {}).get(f"{SERVICE}.{part}", {})

    def devices(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Path and properties of every device that NetworkManager manages, by name."""
        found = [
            (path, interfaces[f"{SERVICE}.Device"])
            for path, interfaces in self.objects.items()
            if f"{SERVICE}.Device" in interfaces
        ]
        for path, device in sorted(found, key=lambda one: str(one[1]["Interface"])):
            if device["State"] > UNMANAGED:
                yield path, device

    def device(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """The managed device of that name."""
        return next((one for one in self.devices() if one[1]["Interface"] == name), None)

    def checkpoint(self) -> Checkpoint | None:
        """The one that is about to be gone back to first."""
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        found = [
            Checkpoint(path, point["Created"] / 1000 + point["RollbackTimeout"] - now)
            for path in self.objects
            if (point := self.of(path, "Checkpoint")) and point["RollbackTimeout"]
        ]
        return min(found, key=lambda one: one.seconds_left, default=None)


class NetworkManager:
    """NetworkManager over one connection to the bus. Every method raises `BusError`."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def snapshot(self) -> Snapshot:
        """Everything at this moment."""
        # Its objects are asked for first, so that a NetworkManager that may be started is.
        (objects,) = await self._talk.call(_OBJECTS, "GetManagedObjects")
        return Snapshot(objects)

    # -- profiles

    async def find(self, name: str) -> str | None:
        """The path of the profile with that UUID."""
        try:
            (path,) = await self._talk.call(_SETTINGS, "GetConnectionByUuid", "s", name)
        except BusError as error:
            if error.name == _NO_SUCH_PROFILE:
                return None
            raise
        return str(path)

    async def profiles(self) -> list[str]:
        """The paths of all profiles, whoever made them."""
        (paths,) = await self._talk.call(_SETTINGS, "ListConnections")
        return [str(path) for path in paths]

    async def read(self, path: str, *, secrets_of: str = "") -> dict[str, dict[str, Any]]:
        """What is in a profile; of one setting the secrets too."""
        place = Place(SERVICE, path, _CONNECTION)
        (found,) = await self._talk.call(place, "GetSettings")
        if secrets_of in found:
            found[secrets_of] |= await self._secrets(place, secrets_of)
        return dict(found)

    async def _secrets(self, place: Place, part: str) -> dict[str, Any]:
        try:
            (secrets,) = await self._talk.call(place, "GetSecrets", "s", part)
        except BusError as error:
            if error.name == _NO_SECRETS:
                return {}
            raise
        return dict(secrets.get(part, {}))

    async def write(self, profile: Profile, kept: Kept) -> str:
        """Put *profile* in place of the one of its name, or beside the others; its path."""
        path = await self.find(profile.id)
        if path is None:
            path, _ = await self._talk.call(
                _SETTINGS, "AddConnection2", "a{sa{sv}}ua{sv}", profile.values, int(kept), {}
            )
            return str(path)
        place = Place(SERVICE, path, _CONNECTION)
        await self._talk.call(place, "Update2", "a{sa{sv}}ua{sv}", profile.values, int(kept), {})
        return path

    async def save(self, path: str) -> None:
        """Write a profile to the disk as it is."""
        place = Place(SERVICE, path, _CONNECTION)
        await self._talk.call(place, "Update2", "a{sa{sv}}ua{sv}", {}, int(Kept.ON_DISK), {})

    async def delete(self, path: str) -> None:
        """Forget a profile."""
        await self._talk.call(Place(SERVICE, path, _CONNECTION), "Delete")

    # -- connections

    async def activate(self, profile: str, device: str) -> str:
        """Begin to use a profile on a device, `NOTHING` for the profile's own; what is active."""
        (active,) = await self._talk.call(
            _ROOT, "ActivateConnection", "ooo", profile, device, NOTHING
        )
        return str(active)

    async def deactivate(self, active: str) -> None:
        """Cease to use a profile."""
        await self._talk.call(_ROOT, "DeactivateConnection", "o", active)

    async def state_of(self, active: str) -> Active:
        """How far a connection has come."""
        place = Place(SERVICE, active, f"{SERVICE}.Connection.Active")
        try:
            found = await self._talk.properties(place)
        except NoObjectError:
            return Active.DEACTIVATED
        state = found.get("State", Active.DEACTIVATED)
        return Active(state) if state in set(Active) else Active.DEACTIVATED

    @asynccontextmanager
    async def failures(self, device: str) -> AsyncIterator[Callable[[], int]]:
        """Why the device failed meanwhile (``NMDeviceStateReason``), 0 while it did not."""
        place = Place(SERVICE, device, f"{SERVICE}.Device")
        async with self._talk.heard(place, "StateChanged") as told:
            yield lambda: next((why for new, _, why in reversed(told) if new == FAILED), 0)

    # -- the way back

    async def remember(self, seconds: int) -> str:
        """Have everything as it is now come back after *seconds*."""
        flags = _DELETE_NEW_CONNECTIONS | _DISCONNECT_NEW_DEVICES
        (path,) = await self._talk.call(_ROOT, "CheckpointCreate", "aouu", [], seconds, flags)
        return str(path)

    async def postpone(self, checkpoint: str, seconds: int) -> bool:
        """Go back no earlier than in *seconds*; false when it was gone back to already."""
        try:
            await self._talk.call(
                _ROOT, "CheckpointAdjustRollbackTimeout", "ou", checkpoint, seconds
            )
        except BusError as error:
            if error.name == _NO_SUCH_CHECKPOINT:
                return False
            raise
        return True

    async def forget(self, checkpoint: str) -> None:
        """Do not go back."""
        await self._talk.call(_ROOT, "CheckpointDestroy", "o", checkpoint)

    async def go_back(self, checkpoint: str) -> bool:
        """Go back now; false when that was done already."""
        try:
            await self._talk.call(_ROOT, "CheckpointRollback", "o", checkpoint)
        except BusError as error:
            if error.name == _NO_SUCH_CHECKPOINT:
                return False
            raise
        return True
