"""The network is read while profiles come and go."""

from __future__ import annotations

from typing import Any, cast

import pytest

from appliance.provisioning.bus import NoObjectError
from appliance.provisioning.network.manager import SERVICE, NetworkManager, Snapshot
from appliance.provisioning.network.reading import TRIES, view_of

DEVICE = {
    "Interface": "eth0",
    "State": 100,
    "DeviceType": 1,
    "Ip4Config": "/",
    "Ip6Config": "/",
    "ActiveConnection": "/",
}


class Vanishing:
    """A NetworkManager whose profile is gone when it is read, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def snapshot(self) -> Snapshot:
        return Snapshot({"/1": {f"{SERVICE}.Device": DEVICE}})

    async def find(self, name: str) -> str | None:
        return "/profile" if self.times else None

    async def read(self, path: str) -> dict[str, Any]:
        self.times -= 1
        raise NoObjectError("It is gone.")


async def test_a_profile_that_goes_meanwhile_is_no_fault() -> None:
    view = await view_of(cast(NetworkManager, Vanishing(TRIES - 1)), "")
    assert [device.name for device in view.devices] == ["eth0"]


async def test_it_is_not_tried_for_ever() -> None:
    with pytest.raises(NoObjectError):
        await view_of(cast(NetworkManager, Vanishing(TRIES)), "")
