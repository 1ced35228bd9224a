"""The system's part of a factory reset: network, name and clock as they were before the box."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from appliance.provisioning.box.clock import tell_servers
from appliance.provisioning.box.names import give_names
from appliance.provisioning.box.shipped import Shipped
from appliance.provisioning.bus import BusError, Place, Talk
from appliance.provisioning.network.manager import NetworkManager
from appliance.provisioning.network.profiles import id_of

_TIMEDATED: Final = Place(
    "org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1"
)


async def network(talk: Talk, _shipped: Shipped) -> None:
    """Without our profiles NetworkManager goes back to what it had: DHCP. Raises `BusError`."""
    manager = NetworkManager(talk)
    snapshot = await manager.snapshot()
    while (point := snapshot.checkpoint()) is not None:  # it would bring them back
        await manager.forget(point.path)
        snapshot = await manager.snapshot()
    for path in await manager.profiles():
        if _is_ours(await manager.read(path)):
            await manager.delete(path)


def _is_ours(profile: Mapping[str, Mapping[str, Any]]) -> bool:
    head = profile.get("connection", {})
    cable = str(profile.get("vlan", {}).get("parent", ""))
    ours = {id_of(str(head.get("interface-name", ""))), id_of(cable, vlan=True)}
    return head.get("uuid") in ours


async def names(talk: Talk, shipped: Shipped) -> None:
    """The name and description that the box came with. Raises `BusError`."""
    await give_names(talk, shipped.name, shipped.description)


async def clock(talk: Talk, shipped: Shipped) -> None:
    """Time zone, NTP and servers as they were. Raises `BusError`."""
    if shipped.time_zone is None and shipped.ntp is None:
        return  # nobody ever set it
    if shipped.time_zone is not None:
        await talk.call(_TIMEDATED, "SetTimezone", "sb", shipped.time_zone, False)
    if shipped.ntp is not None:
        await talk.call(_TIMEDATED, "SetNTP", "bb", shipped.ntp, False)
    with suppress(BusError):  # it forgets them with its next start
        await tell_servers(talk, [])


STEPS: Final[Mapping[str, Callable[[Talk, Shipped], Awaitable[None]]]] = {
    "network": network,
    "name": names,
    "clock": clock,
}
