"""A wired connection as NetworkManager keeps it (nm-settings-dbus(5)), and back.

One connection of ours is one profile, or two where it lives in a VLAN: the cable's, which then
has no addresses, and the VLAN's upon it. Their names are made from the device's, so that each
life of this process finds them again. Other people's profiles are never touched; ours go first.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from dbus_fast import Variant

from appliance.provisioning.network.wired import Ip, Ip4, Ip6, Wired

Values = dict[str, dict[str, Variant]]
Found = Mapping[str, Mapping[str, Any]]

PRIORITY: Final = 100
"""Above that of every profile that nobody gave one."""

PROBE_MS: Final = 1000
"""How long a static address is looked for on the network before it is used (RFC 5227)."""

DEVICE_NAME_MOST: Final = 15

_OURS: Final = uuid.UUID("6f0d6a0e-6f55-4f6c-9f0e-3c5f1c9f5a11")
_METHODS: Final = {
    "dhcp": "auto",
    "automatic": "auto",
    "static": "manual",
    "off": "disabled",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One of our profiles: of which device, under which name, with what in it."""

    id: str
    device: str
    values: Values


def id_of(device: str, *, vlan: bool = False) -> str:
    """The name of our profile for a device, or for the VLAN upon it."""
    return str(uuid.uuid5(_OURS, f"{device} vlan" if vlan else device))


def vlan_device(device: str, number: int) -> str:
    """What the VLAN's own device is called: as everybody does, where that is not too long."""
    name = f"{device}.{number}"
    return name if len(name) <= DEVICE_NAME_MOST else f"vlan{number}"


def profiles(device: str, wired: Wired, sign_in: Mapping[str, Variant]) -> list[Profile]:
    """The profiles of a connection, the cable's first; *sign_in* is its part for 802.1X."""
    addresses = {"ipv4": _ip(wired.ipv4), "ipv6": _ip(wired.ipv6)}
    nothing = {"ipv4": _method("disabled"), "ipv6": _method("disabled")}
    cable: Values = {
        "connection": _head(device, id_of(device), "802-3-ethernet", f"Bargebox {device}"),
        "802-3-ethernet": {},
        **(addresses if wired.vlan is None else nothing),
    }
    if sign_in:
        cable["802-1x"] = dict(sign_in)
    made = [Profile(id_of(device), device, cable)]
    if wired.vlan is not None:
        name, one = vlan_device(device, wired.vlan), id_of(device, vlan=True)
        upon: Values = {
            "connection": _head(name, one, "vlan", f"Bargebox {device} VLAN {wired.vlan}"),
            "vlan": {"parent": Variant("s", device), "id": Variant("u", wired.vlan)},
            **addresses,
        }
        made.append(Profile(one, name, upon))
    return made


def _head(device: str, name: str, kind: str, title: str) -> dict[str, Variant]:
    return {
        "id": Variant("s", title),
        "uuid": Variant("s", name),
        "type": Variant("s", kind),
        "interface-name": Variant("s", device),
        "autoconnect": Variant("b", True),
        "autoconnect-priority": Variant("i", PRIORITY),
    }


def _method(name: str) -> dict[str, Variant]:
    return {"method": Variant("s", name)}


def _ip(ip: Ip4 | Ip6) -> dict[str, Variant]:
    values = _method(_METHODS[ip.method])
    if ip.method == "off":
        return values
    values["dns-search"] = Variant("as", list(ip.search_domains))
    values["ignore-auto-dns"] = Variant("b", bool(ip.dns_servers))
    # The older of two ways to give them, which every version of NetworkManager takes.
    if ip.version == 4:
        values["dns"] = Variant(
            "au", [int.from_bytes(_packed(s), sys.byteorder) for s in ip.dns_servers]
        )
        values["dad-timeout"] = Variant("i", PROBE_MS if ip.method == "static" else 0)
    else:
        values["dns"] = Variant("aay", [_packed(server) for server in ip.dns_servers])
    if ip.method == "static":
        parts = [one.partition("/") for one in ip.addresses]
        values["address-data"] = Variant(
            "aa{sv}",
            [{"address": Variant("s", a), "prefix": Variant("u", int(p))} for a, _, p in parts],
        )
        if ip.gateway:
            values["gateway"] = Variant("s", ip.gateway)
    return values


def _packed(server: str) -> bytes:
    return ip_address(server).packed


# -- back


def wired_of(cable: Found, upon: Found | None, access: dict[str, Any]) -> dict[str, Any]:
    """What `Wired` takes, from the profiles as NetworkManager tells them, secrets left out.

    Of a profile that somebody else made only what the page knows is told.
    """
    source = cable if upon is None else upon
    return {
        "ipv4": _ip_of(source.get("ipv4", {}), Ip4, "dhcp"),
        "ipv6": _ip_of(source.get("ipv6", {}), Ip6, "automatic"),
        "vlan": None if upon is None else upon.get("vlan", {}).get("id"),
        "access": access,
    }


def _ip_of(found: Mapping[str, Any], kind: type[Ip], automatic: str) -> dict[str, Any]:
    method = found.get("method", "auto")
    if method in {"disabled", "ignore"}:
        return {"method": "off"}
    values: dict[str, Any] = {"method": "static" if method == "manual" else automatic}
    if method == "manual":
        rows = found.get("address-data", [])
        values["addresses"] = [f"{row['address']}/{row['prefix']}" for row in rows]
        values["gateway"] = found.get("gateway", "")
    values["dns_servers"] = [_server(one, kind.version) for one in found.get("dns", [])]
    values["search_domains"] = list(found.get("dns-search", []))
    return values


def _server(found: Any, version: int) -> str:
    packed = found.to_bytes(4, sys.byteorder) if version == 4 else bytes(found)
    return str(ip_address(packed))
