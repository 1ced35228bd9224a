"""The steps of a change at NetworkManager: profiles come up, are let go, are saved."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from appliance.provisioning.bus import BusError
from appliance.provisioning.network.manager import (
    NOTHING,
    Active,
    Kept,
    NetworkManager,
    Snapshot,
)
from appliance.provisioning.network.profiles import Profile, id_of
from appliance.provisioning.network.views import why

UP_LIMIT_S: Final = 30.0
"""How long a connection may take to come up; then the time to confirm goes on without a word."""

LOOK_EVERY_S: Final = 0.2


async def bring_up(manager: NetworkManager, paths: list[tuple[str, str]]) -> str:
    """Use profiles on their devices, the cable's first; what went wrong in words, or nothing.

    Raises `BusError` when NetworkManager itself is away.
    """
    for path, name in paths:
        found = (await manager.snapshot()).device(name)
        device = NOTHING if found is None else found[0]  # a VLAN's is made only now
        async with manager.failures(device) as reason:
            try:
                active = await manager.activate(path, device)
            except BusError as error:
                return error.detail
            if await _came_up(manager, active) is False:
                return why(reason()) if reason() else f"{name} could not be used."
    return ""


async def _came_up(manager: NetworkManager, active: str) -> bool | None:
    """Whether a connection did; None when that is not known in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(UP_LIMIT_S):
            while True:
                state = await manager.state_of(active)
                if state is Active.ACTIVATED:
                    return True
                if state in {Active.DEACTIVATING, Active.DEACTIVATED}:
                    return False
                await asyncio.sleep(LOOK_EVERY_S)
    return None


async def let_go(manager: NetworkManager, vlan: Profile, *, for_good: bool) -> None:
    """Cease to use a VLAN; its profile stays, asleep, until that is confirmed."""
    path = await manager.find(vlan.id)
    if path is None:
        return
    if for_good:
        await manager.delete(path)
        return
    vlan.values["connection"]["autoconnect"].value = False
    await manager.write(vlan, Kept.IN_MEMORY)
    snapshot = await manager.snapshot()
    for place in snapshot.objects:
        if snapshot.of(place, "Connection.Active").get("Uuid") == vlan.id:
            await manager.deactivate(place)


async def save(manager: NetworkManager, snapshot: Snapshot) -> None:
    """Write our profiles to the disk as they are; forget a VLAN that was let go."""
    for _, device in snapshot.devices():
        name = device["Interface"]
        for profile in (id_of(name), id_of(name, vlan=True)):
            path = await manager.find(profile)
            if path is None:
                continue
            head = (await manager.read(path))["connection"]
            if head.get("autoconnect", True):
                await manager.save(path)
            else:
                await manager.delete(path)
