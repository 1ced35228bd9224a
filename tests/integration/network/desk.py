"""Somebody who changes the network of a box with real services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appliance.provisioning.bus import SystemBus
from appliance.provisioning.network.network import Network
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.network.views import DeviceView, NetworkView
from appliance.provisioning.network.wired import Wired
from tests.support.private_box import PrivateBox
from tests.support.provisioning_notes import Notes

STATIC: dict[str, Any] = {
    "method": "static",
    "addresses": ["10.99.0.7/24"],
    "gateway": "10.99.0.1",
    "dns_servers": ["10.99.0.1", "192.0.2.53"],
    "search_domains": ["example.org"],
}
OTHER: dict[str, Any] = {"method": "static", "addresses": ["10.99.0.8/24"]}


@dataclass
class Desk:
    """The box's network in this life of control."""

    network: Network
    notes: Notes
    services: PrivateBox

    async def change(self, device: str = "eth0", **settings: Any) -> NetworkView:
        return await self.network.change("tom", device, Wired.model_validate(settings))

    async def until(self, true: Callable[[NetworkView], bool], limit_s: float = 20) -> NetworkView:
        """The network once something is true of it."""
        async with asyncio.timeout(limit_s):
            while not true(view := await self.network.view()):
                await asyncio.sleep(0.05)
        return view

    async def eth0(self) -> DeviceView:
        """The box's one cable."""
        (device,) = [one for one in (await self.network.view()).devices if one.name == "eth0"]
        return device

    def profile(self, name: str) -> dict[str, str]:
        """What NetworkManager keeps under that name, secrets too."""
        told = self.services.run(f"nmcli --terse --show-secrets connection show '{name}'")
        pairs = (line.replace("\\:", ":").partition(":") for line in told.splitlines())
        return {key: value for key, _, value in pairs}

    async def has(self, address: str) -> None:
        """Wait until the kernel has the address, and only this one."""
        async with asyncio.timeout(20):
            while self.services.addresses() != [address]:
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Wait until calls may be joined again."""
        async with asyncio.timeout(20):
            while self.notes.closed:
                await asyncio.sleep(0.05)


def make_desk(services: PrivateBox, confirm_within_s: int = 30) -> Desk:
    """A life of control; to be started and stopped."""
    notes = Notes()
    settings = NetworkSettings(confirm_within_s=confirm_within_s)
    network = Network(SystemBus(services.address), settings, notes, notes)
    return Desk(network, notes, services)
