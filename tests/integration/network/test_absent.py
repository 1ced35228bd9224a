"""Services that are away, hang or say no: told as a state, in time, and nothing else suffers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from appliance.provisioning import bus
from appliance.provisioning.bus import BusError, ServiceAbsentError, SystemBus
from appliance.provisioning.network.settings import NetworkSettings
from appliance.provisioning.system import make_system
from appliance.provisioning.updates.settings import UpdateSettings
from tests.integration.network.desk import STATIC, Desk
from tests.support.provisioning_notes import Notes


async def test_networkmanager_goes_and_comes_back(desk: Desk) -> None:
    desk.services.run("kill $network_manager; wait $network_manager || true")
    view = await desk.network.view()
    assert (view.managed, view.devices) == (False, [])
    assert "not managed by NetworkManager" in view.detail
    with pytest.raises(ServiceAbsentError):
        await desk.change(ipv4=STATIC)
    assert desk.notes.entries == []
    desk.services.run("network_manager")
    await desk.until(lambda view: view.managed)


async def test_one_that_hangs_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "LIMIT_S", 0.5)
    desk.services.run("kill -STOP $network_manager")
    began = time.monotonic()
    view = await desk.network.view()
    assert time.monotonic() - began < 2
    assert (view.managed, view.detail) == (
        False,
        "org.freedesktop.NetworkManager does not answer. Try again.",
    )
    with pytest.raises(BusError):
        await desk.network.confirm("tom")
    desk.services.run("kill -CONT $network_manager")


@pytest.mark.parametrize("address", ["", "unix:path=/nowhere/bus", "unix", "tcp:host=nowhere"])
async def test_without_a_bus_there_is_a_state_and_no_error(address: str, tmp_path: Path) -> None:
    notes = Notes()
    updates = UpdateSettings(folder=tmp_path, sticks=tmp_path)
    system = make_system(address, NetworkSettings(), tmp_path / "servers", notes, notes, updates)
    system.start()
    for view in (
        await system.network.view(),
        await system.names.view(),
        await system.clock.view(),
    ):
        assert not view.managed
        assert view.detail
    assert await system.clock.zones() == []
    await system.stop()


async def test_a_bus_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "LIMIT_S", 0.3)
    callers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_unix_server(
        lambda reader, writer: callers.append(writer), tmp_path / "bus"
    )
    with pytest.raises(BusError, match="does not answer"):
        async with SystemBus(f"unix:path={tmp_path}/bus").talk():
            pass
    for writer in callers:
        writer.close()
        await writer.wait_closed()
    silent.close()
    await silent.wait_closed()
