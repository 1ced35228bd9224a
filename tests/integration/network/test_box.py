"""The box's name and clock, at the real systemd-hostnamed and systemd-timedated."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from appliance.console.app import create_app
from appliance.console.settings import ConsoleSettings
from appliance.provisioning.box.clock import Clock, ClockSettings
from appliance.provisioning.box.names import Names, NameSettings
from appliance.provisioning.box.time_servers import TimeServersFile
from appliance.provisioning.bus import ServiceForbiddenError, SystemBus
from appliance.provisioning.certificates.names import box_names
from appliance.provisioning.not_changed import NotChangedError
from tests.support.console_world import make_world
from tests.support.private_box import PrivateBox, private_box
from tests.support.provisioning_notes import Notes


@pytest.fixture
def services() -> Iterator[PrivateBox]:
    with private_box("systemd", "timesyncd") as box:
        yield box


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def clock(services: PrivateBox, notes: Notes, tmp_path: Path) -> Clock:
    return Clock(SystemBus(services.address), TimeServersFile(tmp_path / "servers"), notes)


async def test_the_box_is_renamed(services: PrivateBox, notes: Notes) -> None:
    called: list[str] = []
    names = Names(SystemBus(services.address), notes, called.append)
    view = await names.view()
    assert (view.managed, view.name, view.announced) == (True, "bargebox", "")
    services.stand_in("avahi")
    wanted = NameSettings(name="Desk-7.example.org", description="Ada's  desk")
    view = await names.rename("tom", wanted)
    assert (view.name, view.description) == ("desk-7.example.org", "Ada's desk")
    assert view.announced == "desk-7.local"
    assert services.run("hostname; cat /etc/hostname") == "desk-7.example.org\n" * 2
    assert services.run("cat /etc/machine-info") == 'PRETTY_HOSTNAME="Ada\'s desk"\n'
    assert called == ["bargebox", names.now] == ["bargebox", "desk-7.example.org"]
    assert notes.actions() == [("tom", "box_renamed")]
    assert notes.entries[0].detail["was"] == "bargebox"


async def test_a_new_life_answers_to_the_name_that_the_box_was_given(
    services: PrivateBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "bargebox")  # as ProtectHostname keeps it
    former = Names(SystemBus(services.address), Notes())
    await former.rename("tom", NameSettings(name="desk-7.example.org"))
    world = make_world(bus=services.address)
    app = await asyncio.to_thread(create_app, world.ports(), ConsoleSettings())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk-7.local") as client:
        assert (await client.get("/sign-in")).status_code == 421
        world.system.start()
        async with asyncio.timeout(10):
            while (await client.get("/sign-in")).status_code != 200:
                await asyncio.sleep(0.02)
        await world.system.stop()
    assert box_names((), lambda: world.system.names.now).names[:3] == (
        "desk-7.example.org",
        "desk-7",
        "desk-7.local",
    )


async def test_the_time_zone_is_set(services: PrivateBox, notes: Notes, clock: Clock) -> None:
    zones = await clock.zones()
    assert {"Europe/Berlin", "Etc/UTC"} <= set(zones)
    view = await clock.set("tom", ClockSettings(time_zone="Europe/Berlin"))
    assert view.time_zone == "Europe/Berlin"
    assert services.run("readlink /etc/localtime").endswith("zoneinfo/Europe/Berlin\n")
    with pytest.raises(NotChangedError) as refused:
        await clock.set("tom", ClockSettings(time_zone="Europe/Bargebox"))
    assert refused.value.fields == {"time_zone": "There is no such time zone."}
    assert notes.actions() == [("tom", "clock_changed")]


async def test_time_servers_are_told_kept_and_told_again(
    services: PrivateBox, notes: Notes, clock: Clock, tmp_path: Path
) -> None:
    servers = ("ntp1.example.org", "192.0.2.3")
    view = await clock.set("tom", ClockSettings(time_zone="Etc/UTC", servers=servers))
    assert (view.ntp, view.servers, view.server) == (True, list(servers), "ntp1.example.org")
    told = "grep -c SetRuntimeNTPServers /run/timesyncd.log"
    assert services.run(told) == "1\n"
    later = Clock(SystemBus(services.address), TimeServersFile(tmp_path / "servers"), notes)
    await later.start()
    assert services.run(told) == "2\n"
    view = await later.set("tom", ClockSettings(time_zone="Etc/UTC"))
    assert (view.servers, view.server) == ([], "time.example.org")


async def test_time_by_hand_only_without_the_network_s(services: PrivateBox, clock: Clock) -> None:
    before = datetime.now(UTC)
    view = await clock.set("tom", ClockSettings(time_zone="Etc/UTC", ntp=False))
    assert (view.can_ntp, view.ntp) == (True, False)
    assert "StopUnit" in services.run("cat /run/systemd.log")
    moment = datetime(2030, 5, 1, 10, 0)
    by_hand = ClockSettings(time_zone="Europe/Berlin", ntp=False, time=moment)
    # The real service takes it, and the kernel refuses: nothing here may set the machine's clock.
    with pytest.raises(ServiceForbiddenError, match="Operation not permitted"):
        await clock.set("tom", by_hand)
    assert (datetime.now(UTC) - before).total_seconds() < 60
