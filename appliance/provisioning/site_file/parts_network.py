"""The document's network. Nobody is there to confirm it, so the box looks for itself.

NetworkManager goes back to what was before unless the box finds that it has an address and that
its router answers; then the change is kept.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from appliance.provisioning.bus import BusError
from appliance.provisioning.network.views import DeviceView, NetworkView
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.site_file.document import NetworkPart, SiteFile
from appliance.provisioning.site_file.plan import Outcome
from appliance.provisioning.site_file.services import Faults, Services
from appliance.service.errors import BargeboxError

UP_LIMIT_S: Final = 50.0
"""How long the box looks; NetworkManager's own patience is longer (`confirm_within_s`)."""

LOOK_EVERY_S: Final = 0.5
AGAIN_S: Final = 2.0
"""Between tries while a call is monitored."""


class SiteNetwork:
    """The network of the box's cable."""

    def concerns(self, document: SiteFile) -> bool:
        """It is given."""
        return document.network is not None

    async def check(self, box: Services, document: SiteFile) -> Faults:
        """Whether there is such a device, and all that it needs."""
        part = document.network
        assert part is not None
        view = await box.system.network.view()
        if not view.managed:
            return {"network": view.detail}
        device = _device(view, part)
        if device is None:
            return {"network.device": f"There is no wired device {part.device}.".replace(" .", ".")}
        try:
            await box.system.network.check(device.name, part.wired())
        except NotChangedError as error:
            named = {f"network.{name}": words for name, words in error.fields.items()}
            return named or {"network": error.detail}
        except BusError as error:
            return {"network": error.detail}
        return {}

    async def apply(self, box: Services, who: str, document: SiteFile) -> Outcome:
        """Use it, look whether it works, and keep it or have it undone."""
        part = document.network
        assert part is not None
        network = box.system.network
        view = await network.view()
        device = _device(view, part)
        if device is None:
            return _outcome(False, view.detail or "The wired device is gone.")
        wired = part.wired()
        if not _is_so(device, wired) or _brings_secrets(wired):
            view = await _changed(box, who, device.name, wired)
        elif view.pending is None:
            return _outcome(True, f"{device.name} has these settings already.")
        return await _kept(box, who, device.name, wired, pending=view.pending is not None)


async def _changed(box: Services, who: str, device: str, wired: Wired) -> NetworkView:
    """Begin to use it, once no call is monitored."""
    while True:
        try:
            return await box.system.network.change(who, device, wired)
        except BargeboxError as error:
            if error.code not in {"busy", "pending"}:
                raise
            await asyncio.sleep(AGAIN_S)


async def _kept(box: Services, who: str, name: str, wired: Wired, *, pending: bool) -> Outcome:
    network = box.system.network
    device = None
    with suppress(TimeoutError):
        async with asyncio.timeout(UP_LIMIT_S):
            while True:
                view = await network.view()
                if pending and view.pending is None:  # it did not come up, and is undone
                    return _outcome(False, view.outcome or "The change was undone.")
                device = _named(view, name)
                if device is not None and has_addresses(view, device, wired):
                    break
                await asyncio.sleep(LOOK_EVERY_S)
            fault = await box.router_fault(_gateways(view, device, wired))
            if not pending:
                return _outcome(not fault, fault or _words(view, name))
            if not fault:
                view = await network.confirm(who)
                return _outcome(True, _words(view, name))
            with suppress(NotChangedError):  # then it has been undone already
                await network.discard(who)
            return _outcome(False, f"{fault} The network is as it was before.")
    if pending:
        with suppress(NotChangedError):
            await network.discard(who)
    words = "It has got no address in time. The network is as it was before."
    return _outcome(False, words)


def has_addresses(view: NetworkView, device: DeviceView, wired: Wired) -> bool:
    """The device is up, or its VLAN, with the addresses that were given, or with any by DHCP."""
    held = _addresses(view, device, wired)
    static = [*wired.ipv4.addresses, *wired.ipv6.addresses]
    if any(one not in held for one in static):
        return False
    four = any("." in one for one in held)
    six = any(":" in one and not one.lower().startswith("fe80:") for one in held)
    if wired.ipv4.method == "dhcp":
        return four
    return bool(static) or six


def _addresses(view: NetworkView, device: DeviceView, wired: Wired) -> list[str]:
    return [one for found in _used(view, device, wired) for one in found.addresses]


def _gateways(view: NetworkView, device: DeviceView, wired: Wired) -> list[str]:
    return [one for found in _used(view, device, wired) for one in found.gateways]


def _used(view: NetworkView, device: DeviceView, wired: Wired) -> list[DeviceView]:
    """The device itself, or the VLAN upon it."""
    if wired.vlan is None:
        return [device]
    return [one for one in view.devices if one.kind == "vlan" and one.state == "connected"]


def _device(view: NetworkView, part: NetworkPart) -> DeviceView | None:
    """The device that is meant, else the wired one that is connected, else the first."""
    wired = [one for one in view.devices if one.kind == "wired"]
    if part.device:
        return next((one for one in wired if one.name == part.device), None)
    best = sorted(wired, key=lambda one: one.state != "connected")
    return best[0] if best else None


def _named(view: NetworkView, name: str) -> DeviceView | None:
    return next((one for one in view.devices if one.name == name), None)


def _is_so(device: DeviceView, wired: Wired) -> bool:
    return settings_of(device) == _plain(wired)


def settings_of(device: DeviceView) -> dict[str, Any] | None:
    """A device's settings as a document has them, but for secrets; None for what it cannot say."""
    try:
        return _plain(Wired.model_validate((device.settings or {}) | {"access": {}})) | {
            "access": _access((device.settings or {}).get("access", {}))
        }
    except ValueError:
        return None


def _plain(wired: Wired) -> dict[str, Any]:
    values = wired.model_dump(mode="json", exclude={"access"})
    return values | {"access": _access(wired.access.model_dump(mode="json"))}


def _access(values: dict[str, Any]) -> dict[str, Any]:
    names = ("identity", "anonymous_identity", "server_domain")
    method = values.get("method", "off")
    shown = {name: values.get(name, "") for name in names}
    return {"method": "off"} if method == "off" else {"method": method, **shown}


def _brings_secrets(wired: Wired) -> bool:
    return wired.access.method != "off" and any(
        value is not None
        for name, value in wired.access
        if name not in {"method", "identity", "anonymous_identity", "server_domain"}
    )


def _words(view: NetworkView, name: str) -> str:
    device = _named(view, name)
    addresses = [] if device is None else [*device.addresses]
    addresses += [one for vlan in view.devices if vlan.kind == "vlan" for one in vlan.addresses]
    reachable = [one for one in addresses if not one.lower().startswith("fe80:")]
    return f"{name} is at {', '.join(reachable)}, and its router answers."


def _outcome(good: bool, words: str) -> Outcome:
    return Outcome(part="network", good=good, words=words)
