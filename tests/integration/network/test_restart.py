"""The restart of box and services, at logind's and systemd's places on a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from appliance.provisioning.box.restart import Restart
from appliance.provisioning.bus import ServiceAbsentError, SystemBus
from appliance.provisioning.not_changed import NotChangedError
from appliance.service.errors import BargeboxError
from tests.support.private_box import LOGIND, SYSTEMD, PrivateBox, private_box
from tests.support.provisioning_notes import Notes


@pytest.fixture(scope="module")
def services() -> Iterator[PrivateBox]:
    with private_box("systemd", "logind") as box:
        yield box


def asked(services: PrivateBox) -> tuple[int, int]:
    return services.asked(*LOGIND, "Reboot"), services.asked(*SYSTEMD, "RestartUnit")


async def test_the_box_restarts_once_and_nobody_joins_meanwhile(services: PrivateBox) -> None:
    notes, before = Notes(), asked(services)
    restart = Restart(SystemBus(services.address), notes, notes)
    view = await restart.view()
    assert (view.box, view.services, view.restarting) == (True, True, None)
    ordered = await restart.order("tom", "box")
    assert (ordered.restarting, ordered.since) == ("box", view.since)
    assert asked(services) == (before[0] + 1, before[1])
    assert notes.closed
    assert notes.actions() == [("tom", "restarted")]
    with pytest.raises(NotChangedError) as again:
        await restart.order("tom", "services")
    assert again.value.code == "busy"
    await restart.stop()


async def test_only_the_services(services: PrivateBox) -> None:
    notes, before = Notes(), asked(services)
    restart = Restart(SystemBus(services.address), notes, notes)
    await restart.order("tom", "services")
    assert asked(services) == (before[0], before[1] + 1)
    assert notes.entries[0].detail == {"what": "services"}
    await restart.stop()


async def test_never_in_a_call(services: PrivateBox) -> None:
    notes, before = Notes(in_a_call=True), asked(services)
    restart = Restart(SystemBus(services.address), notes, notes)
    with pytest.raises(BargeboxError, match="sam is monitoring a call"):
        await restart.order("tom", "box")
    assert (await restart.view()).restarting is None
    assert asked(services) == before
    assert notes.entries == []


async def test_a_restart_that_does_not_come_lets_people_go_on(services: PrivateBox) -> None:
    notes = Notes()
    restart = Restart(SystemBus(services.address), notes, notes, gone_within_s=0.05)
    await restart.order("tom", "box")
    async with asyncio.timeout(5):
        while notes.closed_by:
            await asyncio.sleep(0.01)
    assert (await restart.view()).restarting is None
    await restart.stop()


async def test_without_the_services_nothing_is_closed() -> None:
    notes = Notes()
    restart = Restart(SystemBus(""), notes, notes)
    view = await restart.view()
    assert (view.box, view.services) == (False, False)
    assert "system_bus" in view.detail
    with pytest.raises(ServiceAbsentError):
        await restart.order("tom", "box")
    assert not notes.closed
    assert notes.entries == []
