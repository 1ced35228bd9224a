"""What the page and the API show of the network."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any, Final, Literal

from pydantic import BaseModel

from appliance.provisioning.network.manager import Kind, Snapshot

State = Literal["connected", "connecting", "no_cable", "off", "failed"]

_KINDS: Final[dict[int, Literal["wired", "wifi", "vlan"]]] = {
    Kind.ETHERNET: "wired",
    Kind.VETH: "wired",
    Kind.WIFI: "wifi",
    Kind.VLAN: "vlan",
}
_STATES: Final[dict[int, State]] = {
    20: "no_cable",
    40: "connecting",
    50: "connecting",
    60: "connecting",
    70: "connecting",
    80: "connecting",
    90: "connecting",
    100: "connected",
    120: "failed",
}
"""By ``NMDeviceState``; the others are ``off``."""

_REASONS: Final = {
    5: "No address could be had, or another device has it already.",
    6: "The address was not renewed.",
    7: "The switch’s port wants a sign-in (802.1X).",
    8: "The sign-in at the switch’s port ended.",
    9: "The sign-in at the switch’s port could not be set up.",
    10: "The sign-in at the switch’s port failed.",
    11: "The switch’s port did not answer the sign-in.",
    15: "No DHCP server answered.",
    16: "The DHCP server refused.",
    17: "No DHCP server answered.",
    40: "The cable was pulled.",
}
"""By ``NMDeviceStateReason``: why a connection did not come up."""


class DeviceView(BaseModel):
    """A network device and what it has now."""

    name: str
    kind: Literal["wired", "wifi", "vlan"]
    state: State
    mac: str
    speed_mbps: int | None
    addresses: list[str]
    """Each with its prefix."""
    gateways: list[str]
    dns: list[str]
    search: list[str]
    profile: str
    """What NetworkManager calls the settings in use; empty when there are none."""
    settings: dict[str, Any] | None = None
    """Of a wired device: what `PUT /network/{device}` takes, without secrets."""
    secrets_set: list[str] = []
    """Names of the secrets that are set, such as ``access.password``."""


class Pending(BaseModel):
    """A change that is undone unless somebody confirms it."""

    seconds_left: float
    addresses: list[str]
    """Where the box will be found, as far as it is known."""


class NetworkView(BaseModel):
    """The whole network as it is."""

    managed: bool
    """False where the page cannot change it; ``detail`` says why."""
    detail: str = ""
    devices: list[DeviceView] = []
    pending: Pending | None = None
    outcome: str = ""
    """How the last change ended, in words; empty when there was none."""


def device_of(snapshot: Snapshot, path: str, device: Mapping[str, Any]) -> DeviceView | None:
    """A device in view; None for one that is no network of the box's."""
    kind = _KINDS.get(device["DeviceType"])
    if kind is None:
        return None
    ips = [
        snapshot.of(device["Ip4Config"], "IP4Config"),
        snapshot.of(device["Ip6Config"], "IP6Config"),
    ]
    active = snapshot.of(device["ActiveConnection"], "Connection.Active")
    speed = snapshot.of(path, "Device.Wired").get("Speed", 0)
    return DeviceView(
        name=device["Interface"],
        kind=kind,
        state=_STATES.get(device["State"], "off"),
        mac=device.get("HwAddress", ""),
        speed_mbps=speed or None,
        addresses=[
            f"{row['address']}/{row['prefix']}" for ip in ips for row in ip.get("AddressData", [])
        ],
        gateways=[ip["Gateway"] for ip in ips if ip.get("Gateway")],
        dns=[*(row["address"] for row in ips[0].get("NameserverData", [])), *_servers6(ips[1])],
        search=list(dict.fromkeys(name for ip in ips for name in _domains(ip))),
        profile=str(active.get("Id", "")),
    )


def _servers6(ip: Mapping[str, Any]) -> list[str]:
    return [str(IPv6Address(bytes(one))) for one in ip.get("Nameservers", [])]


def _domains(ip: Mapping[str, Any]) -> list[str]:
    return [*ip.get("Searches", []), *ip.get("Domains", [])]


def why(reason: int) -> str:
    """Why a connection did not come up (``NMDeviceStateReason``), in words."""
    return _REASONS.get(reason, f"NetworkManager gives the reason {reason}.")
