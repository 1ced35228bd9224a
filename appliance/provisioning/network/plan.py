"""What a change comes to: how it was, which profiles are wanted, and what speaks against it."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue, ValidationError

from appliance.provisioning.network.manager import NetworkManager, Snapshot
from appliance.provisioning.network.profiles import Profile, id_of, profiles, wired_of
from appliance.provisioning.network.reading import profiles_of
from appliance.provisioning.network.sign_in import SecretsNeededError, access_of, setting
from appliance.provisioning.network.views import device_of
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.words import said


async def planned(
    manager: NetworkManager, snapshot: Snapshot, path: str, wired: Wired
) -> tuple[dict[str, Any], list[Profile], Profile | None]:
    """How it is now, the profiles that are wanted, and that of a VLAN that is not any more."""
    device = snapshot.of(path, "Device")["Interface"]
    cable, upon = await profiles_of(manager, snapshot, path)
    own = await manager.find(id_of(device))
    if own is not None:
        cable = await manager.read(own, secrets_of="802-1x")
    kept = cable.get("802-1x", {})
    try:
        wanted = profiles(device, wired, setting(wired.access, kept))
    except SecretsNeededError as error:
        fields = {f"access.{name}": "This is needed." for name in error.names}
        raise NotChangedError.of(fields) from error
    before = wired_of(cable, upon, access_of(kept))
    obsolete = None
    if upon is not None and wired.vlan is None:
        obsolete = _vlan_of(device, before)
    return before, wanted, obsolete


def _vlan_of(device: str, before: dict[str, Any]) -> Profile:
    """The profile of the VLAN upon a device as it is."""
    try:
        found = Wired.model_validate(before | {"access": {}})
    except ValidationError as error:
        words = said("The VLAN's profile was changed by hand; delete it with nmcli first.")
        raise NotChangedError(words, code="changed_by_hand") from error
    return profiles(device, found, {})[-1]


def told(wired: Wired) -> dict[str, JsonValue]:
    """The settings for the audit log: no secret, and no certificate."""
    hidden = {"ca_certificate", "client_certificate", "private_key"}
    hidden |= {"private_key_password", "password"}
    values: dict[str, JsonValue] = wired.model_dump(mode="json", exclude={"access": hidden})
    return values


def refuse_taken(snapshot: Snapshot, device: str, wired: Wired) -> None:
    """Raise for an address that another device of the box has."""
    taken: dict[str, str] = {}
    for path, found in snapshot.devices():
        view = device_of(snapshot, path, found)
        if view is not None and view.kind != "vlan" and view.name != device:
            taken |= {address.partition("/")[0]: view.name for address in view.addresses}
    fields = {
        f"{part}.addresses.{number}": said(
            "The box’s {device} has this address already.", device=taken[host]
        )
        for part, ip in (("ipv4", wired.ipv4), ("ipv6", wired.ipv6))
        for number, address in enumerate(ip.addresses)
        if (host := address.partition("/")[0]) in taken
    }
    if fields:
        raise NotChangedError.of(fields)
