"""A factory reset at the real services: DHCP again, the old name, the old time zone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.provisioning.box.clock import Clock, ClockSettings
from appliance.provisioning.box.names import Names, NameSettings
from appliance.provisioning.box.shipped import ShippedFile
from appliance.provisioning.box.time_servers import TimeServersFile
from appliance.provisioning.bus import SystemBus
from appliance.provisioning.network.wired import Wired
from appliance.provisioning.reset.carrying_out import finish_reset
from appliance.provisioning.reset.marker import Marker, Ordered
from tests.integration.network.desk import make_desk
from tests.support.private_box import PrivateBox, private_box
from tests.support.provisioning_notes import Notes

STATIC = {
    "ipv4": {"method": "static", "addresses": ["10.99.0.7/24"], "gateway": "10.99.0.1"},
    "vlan": None,
}


@pytest.fixture
def services() -> Iterator[PrivateBox]:
    with private_box("systemd", "timesyncd") as box:
        yield box


def profiles(services: PrivateBox) -> set[str]:
    return set(services.run("nmcli --get-values uuid connection").split())


async def test_everything_is_as_it_was(services: PrivateBox, tmp_path: Path) -> None:
    bus, notes, servers = SystemBus(services.address), Notes(), tmp_path / "time-servers"
    shipped = ShippedFile.beside(servers)
    names = Names(bus, notes, shipped=shipped)
    for name in ("desk-7", "desk-8"):
        await names.rename("tom", NameSettings(name=name, description="Ada's desk"))
    clock = Clock(bus, TimeServersFile(servers), notes, shipped)
    wanted = ClockSettings(time_zone="Europe/Berlin", servers=("ntp.example.org",))
    await clock.set("tom", wanted)
    before = profiles(services)
    desk = make_desk(services)
    await desk.network.change("tom", "eth0", Wired.model_validate(STATIC))
    async with asyncio.timeout(30):
        while services.addresses() != ["10.99.0.7/24"]:
            await asyncio.sleep(0.1)
    await desk.network.confirm("tom")
    # One more change that nobody has confirmed: what it would go back to is ours as well.
    await desk.network.change("tom", "eth0", Wired.model_validate({**STATIC, "vlan": 5}))
    await desk.network.stop()
    assert profiles(services) > before

    await asyncio.to_thread(Marker(tmp_path).write, Ordered())
    assert await finish_reset(tmp_path, servers, services.address) == Ordered()

    assert profiles(services) == before
    async with asyncio.timeout(30):
        while not any(one.startswith("10.99.0.") for one in services.addresses()) or (
            services.addresses() == ["10.99.0.7/24"]
        ):
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    assert profiles(services) == before  # the change that was not confirmed did not come back
    assert services.run("hostname; cat /etc/hostname") == "bargebox\n" * 2
    view = await clock.view()
    assert (view.time_zone, view.servers, view.server) == ("Etc/UTC", [], "time.example.org")
    assert list(tmp_path.iterdir()) == []


async def test_without_services_it_is_done_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "time-servers").write_text("ntp.example.org\n")
    await asyncio.to_thread(Marker(tmp_path).write, Ordered(seq=3))
    nowhere = f"unix:path={tmp_path}/no-bus"
    assert await finish_reset(tmp_path, tmp_path / "time-servers", nowhere) == Ordered(seq=3)
    assert list(tmp_path.iterdir()) == []
    assert await finish_reset(tmp_path, tmp_path / "time-servers", nowhere) is None
