"""A whole document at a box with real services: NetworkManager, systemd-hostnamed, -timedated."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.private_box import PrivateBox, private_box
from tests.support.site_box import SiteBox, example, put_beside

ROOT = Path(__file__).parents[3]


@pytest.fixture
def services() -> Iterator[PrivateBox]:
    with private_box("systemd", "timesyncd") as box:
        yield box


def desk(services: PrivateBox, folder: Path) -> SiteBox:
    """A box whose look at its router is taken where its cable is."""

    async def router_fault(gateways: list[str]) -> str:
        code = "import asyncio; from appliance.provisioning.network.router import router_fault as f"
        code += f"; print(asyncio.run(f({gateways})))"
        command = f"PYTHONPATH={ROOT} {sys.executable} -c '{code.replace(chr(39), chr(34))}'"
        return (await asyncio.to_thread(services.run, command)).strip()

    return SiteBox(folder, services.address, router_fault)


def here(text: str) -> str:
    """The example for the network of the test."""
    return text.replace("192.0.2.10/24", "10.99.0.7/24").replace("192.0.2.1", "10.99.0.1")


async def test_the_whole_example_is_applied_and_found_to_work(
    services: PrivateBox, tmp_path: Path
) -> None:
    box = await asyncio.to_thread(desk, services, tmp_path)
    await asyncio.to_thread(put_beside, box.boot)
    text = here(example())
    box.put(text)
    assert await box.start()
    assert "wait  network" in box.report()
    assert services.run("cat /etc/hostname") == "bargebox-desk-7\n"
    await box.finish()
    assert services.addresses() == ["10.99.0.7/24"]
    assert services.run("cat /etc/machine-info") == 'PRETTY_HOSTNAME="Desk 7, second floor"\n'
    report = box.report()
    assert "FAIL" not in report
    assert "done  network: eth0 is at 10.99.0.7/24, and its router answers." in report
    assert "done  box: The box is called bargebox-desk-7." in report
    assert "done  time: The time zone is Europe/Berlin" in report
    state, given = await box.document(), tomllib.loads(text)
    for part in ("box", "time", "site", "panel", "headset"):
        assert state[part] == given[part], part
    ip = {name: value for name, value in state["network"]["ipv4"].items() if value}
    assert ip == given["network"]["ipv4"]
    await asyncio.to_thread(services.restart_network_manager, after_power_cut=True)
    assert services.addresses() == ["10.99.0.7/24"]  # it is on the disk
    assert not await box.start()


async def test_a_network_without_its_router_is_undone(services: PrivateBox, tmp_path: Path) -> None:
    box = await asyncio.to_thread(desk, services, tmp_path)
    before = services.addresses()
    box.put(
        '[network.ipv4]\nmethod = "static"\naddresses = ["10.99.0.7/24"]\n'
        'gateway = "10.99.0.99"\n[box]\ndescription = "stays"\n'
    )
    assert await box.start()
    await box.finish()
    report = box.report()
    assert "APPLIED IN PART" in report
    assert "FAIL  network: The router 10.99.0.99 does not answer." in report
    async with asyncio.timeout(20):
        while services.addresses() != before:
            await asyncio.sleep(0.1)
    assert (await box.document())["box"]["description"] == "stays"
    assert not await box.start()


async def test_a_start_after_a_kill_keeps_the_network_that_works(
    services: PrivateBox, tmp_path: Path
) -> None:
    """Killed between the change and its confirmation, and between that and the plan's end."""
    box = await asyncio.to_thread(desk, services, tmp_path)
    box.put('[network.ipv4]\nmethod = "static"\naddresses = ["10.99.0.7/24"]\n')
    assert await box.start()
    task = asyncio.create_task(box.finish())
    async with asyncio.timeout(30):
        while services.addresses() != ["10.99.0.7/24"]:
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await box.start()
    await box.finish()
    assert "APPLIED." in box.report()
    assert services.addresses() == ["10.99.0.7/24"]
    assert not (box.state / "provisioning/plan.secret").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[network]\ndevice = "eth7"\n', "Line 2, network.device: There is no wired device eth7."),
        ('[box]\n\ntime_zone = "Europe/Bonn"\n', "Line 3, box.time_zone: There is no such time"),
        (
            '[network.access]\nmethod = "peap"\nidentity = "box"\n',
            "Line 1, network.access.ca_certificate: This is needed.",
        ),
    ],
)
async def test_what_this_box_lacks_is_told_and_nothing_is_changed(
    services: PrivateBox, tmp_path: Path, text: str, told: str
) -> None:
    box = await asyncio.to_thread(desk, services, tmp_path)
    before = await box.document()
    box.put(text + "[site]\nbarge_limit_s = 60\n")
    assert not await box.start()
    assert told in box.report()
    assert await box.document() == before
