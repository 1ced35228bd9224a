"""How the network is now, as the page shows it."""

from __future__ import annotations

from typing import Any

from appliance.provisioning.network.manager import NetworkManager, Snapshot
from appliance.provisioning.network.profiles import id_of, wired_of
from appliance.provisioning.network.sign_in import access_of, secrets_set
from appliance.provisioning.network.views import DeviceView, NetworkView, Pending, device_of


async def view_of(manager: NetworkManager, outcome: str) -> NetworkView:
    """Everything, with the settings of each wired device. Raises `BusError`."""
    snapshot = await manager.snapshot()
    devices = []
    for path, device in snapshot.devices():
        view = device_of(snapshot, path, device)
        if view is None:
            continue
        if view.kind == "wired":
            cable, upon = await profiles_of(manager, snapshot, path)
            kept = cable.get("802-1x", {})
            view.settings = wired_of(cable, upon, access_of(kept))
            view.secrets_set = [f"access.{name}" for name in secrets_set(kept)]
        devices.append(view)
    return NetworkView(
        managed=True, devices=devices, pending=_pending(snapshot, devices), outcome=outcome
    )


async def profiles_of(
    manager: NetworkManager, snapshot: Snapshot, path: str
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]] | None]:
    """A wired device's profile and that of its VLAN: ours, else whatever is in use."""
    device = snapshot.of(path, "Device")
    name = device["Interface"]
    own = await manager.find(id_of(name))
    active = snapshot.of(device["ActiveConnection"], "Connection.Active")
    used = own or active.get("Connection")
    cable = await manager.read(used) if used else {}
    upon = None
    if own is not None and (vlan := await manager.find(id_of(name, vlan=True))) is not None:
        found = await manager.read(vlan)
        # One that shall not come up by itself is about to be forgotten.
        upon = found if found["connection"].get("autoconnect", True) else None
    return cable, upon


def _pending(snapshot: Snapshot, devices: list[DeviceView]) -> Pending | None:
    point = snapshot.checkpoint()
    if point is None:
        return None
    hosts = []
    for device in devices:
        given = device.settings or {}
        static = [
            address
            for ip in (given.get("ipv4", {}), given.get("ipv6", {}))
            for address in ip.get("addresses", [])
        ]
        hosts += [address.partition("/")[0] for address in [*static, *device.addresses]]
    reachable = [host for host in dict.fromkeys(hosts) if not host.lower().startswith("fe80:")]
    return Pending(seconds_left=max(0.0, point.seconds_left), addresses=reachable)
