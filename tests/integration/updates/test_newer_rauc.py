"""What control asks of the image's newer RAUC: looking at a bundle, and reading from a server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as Tree
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast.aio import MessageBus

from appliance.platforms import trust
from appliance.provisioning.box.restart import Restart
from appliance.provisioning.bus import SystemBus
from appliance.provisioning.not_changed import NotChangedError
from appliance.provisioning.updates.errors import UpdateError
from appliance.provisioning.updates.settings import UpdateSettings
from appliance.provisioning.updates.updates import Updates
from tests.support.certificate_site import SiteAuthority
from tests.support.provisioning_notes import Notes
from tests.support.rauc_box import RaucBox, asked_of, until

TEMPLATE = Path(__file__).with_name("rauc_template.py")
ADDRESS = "https://updates.example.org/box.raucb"


class MockBox:
    """The stand-in on a bus of its own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder}/bus"
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", f"--address={self.address}"],
            stdout=subprocess.DEVNULL,
        )
        until((folder / "bus").exists)
        self._mock = subprocess.Popen(
            ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", TEMPLATE],
            env={"DBUS_SYSTEM_BUS_ADDRESS": self.address, "PATH": "/usr/bin"},
            stdout=subprocess.DEVNULL,
        )
        until(lambda: "true" in asked_of(self.address, "NameHasOwner", "de.pengutronix.rauc"))

    async def asked(self, method: str) -> list[Any]:
        """What it was last asked with."""
        bus = await MessageBus(self.address).connect()
        node = await bus.introspect("de.pengutronix.rauc", "/")
        mock: Any = bus.get_proxy_object("de.pengutronix.rauc", "/", node).get_interface(
            "org.freedesktop.DBus.Mock"
        )
        calls = await mock.call_get_method_calls(method)
        bus.disconnect()
        return [getattr(one, "value", one) for one in calls[-1][1]]

    def close(self) -> None:
        for process in (self._mock, self._bus):
            process.terminate()
            process.wait(10)


@pytest.fixture
def mock() -> Iterator[MockBox]:
    folder = Path(tempfile.mkdtemp(prefix="rauc-"))
    box = MockBox(folder)
    yield box
    box.close()
    shutil.rmtree(folder)


@pytest.fixture
async def updates(mock: MockBox, tmp_path: Path) -> AsyncIterator[Updates]:
    notes, bus = Notes(), SystemBus(mock.address)
    settings = UpdateSettings(folder=tmp_path / "cache", sticks=tmp_path)
    updates = Updates(bus, settings, notes, notes, Restart(bus, notes, notes))
    await updates.start()
    yield updates
    await updates.stop()
    trust.believe_too("")


async def test_what_was_looked_at_is_what_is_installed(mock: MockBox, updates: Updates) -> None:
    view = await updates.choose_address("tom", ADDRESS)
    assert view.bundle is not None
    assert (view.bundle.description, view.bundle.size) == ("A test", None)
    assert await mock.asked("InspectBundle") == [ADDRESS, {}]
    await updates.install("tom", older=False)
    source, given = await mock.asked("InstallBundle")
    assert source == ADDRESS
    assert {name: value.value for name, value in given.items()} == {
        "require-manifest-hash": "f" * 64
    }


async def test_the_site_s_authorities_are_believed_beside_the_system_s(
    mock: MockBox, updates: Updates, tmp_path: Path
) -> None:
    site = SiteAuthority(tmp_path).pem
    trust.believe_too(site)
    await updates.choose_address("tom", ADDRESS)
    _, given = await mock.asked("InspectBundle")
    believed = Path(given["tls-ca"].value).read_text()
    assert site in believed
    assert believed.count("BEGIN CERTIFICATE") > 20
    await updates.forget("tom")
    assert list((tmp_path / "cache").iterdir()) == []


async def test_a_server_that_is_not_there(updates: Updates) -> None:
    with pytest.raises(UpdateError) as refused:
        await updates.choose_address("tom", "https://gone.example.org/box.raucb")
    assert refused.value.code == "bundle_unreachable"


@pytest.mark.parametrize(
    "address",
    [
        "http://updates.example.org/a", "https://", "file:///etc/passwd", "https://a b/c", "/x",
        "https://tom:secret@updates.example.org/a", "https://[::1/a", "https://a:99999/",
        "https://a/\n", "https://ä.example.org/",
    ],
)  # fmt: skip
async def test_addresses_that_are_none(updates: Updates, address: str) -> None:
    with pytest.raises(NotChangedError) as refused:
        await updates.choose_address("tom", address)
    assert "address" in refused.value.fields
    assert "secret" not in refused.value.detail


async def test_the_stand_in_is_like_the_real_one(mock: MockBox) -> None:
    folder = Path(tempfile.mkdtemp(prefix="rauc-"))
    real = RaucBox(folder)
    theirs, ours = await _members(real.address), await _members(mock.address)
    real.close()
    shutil.rmtree(folder)
    assert len(theirs) > 10
    assert {name: ours.get(name) for name in theirs} == theirs
    assert set(ours) - set(theirs) == {"InspectBundle"}


async def _members(address: str) -> dict[str, tuple[str, ...]]:
    """Methods and properties with their signatures; dbusmock tells of no signal."""
    bus = await MessageBus(address).connect()
    node = await bus.introspect("de.pengutronix.rauc", "/")
    bus.disconnect()
    root = Tree.fromstring(node.tostring())  # noqa: S314 (a test's own)
    part = root.find("interface[@name='de.pengutronix.rauc.Installer']")
    assert part is not None
    found = {
        one.attrib["name"]: tuple(
            f"{arg.get('direction', 'in')} {arg.attrib['type']}" for arg in one.findall("arg")
        )
        for one in part.findall("method")
    }
    return found | {one.attrib["name"]: (one.attrib["type"],) for one in part.findall("property")}
