"""Discovery on a made-up sysfs that has the kernel's shape: links, interfaces, USB parents."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.audio.discovery import find_headset
from appliance.audio.errors import HeadsetError


class Sysfs:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "class" / "sound").mkdir(parents=True)

    def card(self, number: int, card_id: str, device: Path, streams: tuple[str, ...]) -> None:
        card = device / "sound" / f"card{number}"
        card.mkdir(parents=True)
        (card / "id").write_text(f"{card_id}\n")
        (card / "device").symlink_to(device)
        (self.root / "class" / "sound" / f"card{number}").symlink_to(card)
        for stream in streams:
            name = f"pcmC{number}{stream}"
            (card / name).mkdir()
            (self.root / "class" / "sound" / name).symlink_to(card / name)
        (card / f"controlC{number}").mkdir()

    def usb(
        self,
        number: int,
        card_id: str,
        port: str,
        serial: str | None = None,
        product: str | None = "Headset",
        streams: tuple[str, ...] = ("D0p", "D0c"),
    ) -> None:
        usb = self.root / "devices" / "pci0000:00" / "usb1" / port
        interface = usb / f"{port}:1.0"
        interface.mkdir(parents=True)
        (usb / "idVendor").write_text("0b0e\n")
        if serial is not None:
            (usb / "serial").write_text(f"{serial}\n")
        if product is not None:
            (usb / "product").write_text(f"{product}\n")
        self.card(number, card_id, interface, streams)

    def built_in(self, number: int) -> None:
        device = self.root / "devices" / "platform" / f"hdmi{number}"
        device.mkdir(parents=True)
        self.card(number, f"vc4hdmi{number}", device, ("D0p",))


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def test_the_only_usb_headset_is_chosen_by_its_card_id(sysfs: Sysfs) -> None:
    sysfs.built_in(0)
    sysfs.usb(1, "UC", "1-1.2", serial="ABC123", product="UC Voice 550")
    found = find_headset("auto", sysfs.root)
    assert found.playback_pcm == "plughw:CARD=UC,DEV=0"
    assert found.capture_pcm == "plughw:CARD=UC,DEV=0"
    assert (found.name, found.identity, found.note) == ("UC Voice 550", "usb-serial:ABC123", "")


def test_streams_may_be_on_other_devices_than_zero(sysfs: Sysfs) -> None:
    sysfs.usb(1, "UC", "1-1", streams=("D1p", "D2p", "D3c"))
    found = find_headset("auto", sysfs.root)
    assert (found.playback_pcm, found.capture_pcm) == (
        "plughw:CARD=UC,DEV=1",
        "plughw:CARD=UC,DEV=3",
    )


def test_of_several_the_lowest_port_is_chosen_and_it_says_so(sysfs: Sysfs) -> None:
    sysfs.usb(0, "Late", "1-1.10")
    sysfs.usb(1, "Early", "1-1.2")
    found = find_headset("auto", sysfs.root)
    assert found.identity == "usb-port:1-1.2"
    assert found.note == "2 headsets are plugged in; using the one at USB port 1-1.2"


def test_a_camera_or_a_loudspeaker_beside_it_is_no_headset(sysfs: Sysfs) -> None:
    sysfs.usb(0, "Webcam", "1-1.1", streams=("D0c",))
    sysfs.usb(1, "Speaker", "1-1.2", streams=("D0p",))
    sysfs.usb(2, "UC", "1-1.3", product=None)
    found = find_headset("auto", sysfs.root)
    assert (found.name, found.identity, found.note) == ("UC", "usb-port:1-1.3", "")


def test_chosen_by_serial_or_by_port(sysfs: Sysfs) -> None:
    sysfs.usb(0, "A", "1-1.1", serial="one")
    sysfs.usb(1, "B", "1-1.2", serial="two")
    assert find_headset("usb-serial:two", sysfs.root).playback_pcm == "plughw:CARD=B,DEV=0"
    assert find_headset("usb-port:1-1.1", sysfs.root).playback_pcm == "plughw:CARD=A,DEV=0"


def test_an_alsa_name_is_taken_as_it_is(sysfs: Sysfs) -> None:
    found = find_headset("pcm:bargebox_headset", sysfs.root)
    assert found.playback_pcm == found.capture_pcm == "bargebox_headset"


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ("auto", "headset_unsuitable", "Speaker has no microphone"),
        ("usb-serial:nine", "headset_missing", "serial number nine is not plugged in"),
        ("usb-port:2-1", "headset_missing", "no headset is plugged in at USB port 2-1"),
        ("usb-port:1-1", "headset_unsuitable", "Speaker has no microphone"),
    ],
)
def test_what_does_not_fit_is_said(sysfs: Sysfs, wanted: str, code: str, words: str) -> None:
    sysfs.usb(0, "Loud", "1-1", product="Speaker", streams=("D0p",))
    with pytest.raises(HeadsetError, match=words) as raised:
        find_headset(wanted, sysfs.root)
    assert raised.value.code == code


def test_a_microphone_alone_lacks_the_earpiece(sysfs: Sysfs) -> None:
    sysfs.usb(0, "Webcam", "1-1", product="Webcam", streams=("D0c",))
    with pytest.raises(HeadsetError, match="Webcam has no earpiece"):
        find_headset("auto", sysfs.root)


def test_nothing_plugged_in_or_no_sound_in_the_kernel(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.built_in(0)
    for root in (sysfs.root, tmp_path / "none"):
        with pytest.raises(HeadsetError, match="no USB headset is plugged in") as raised:
            find_headset("auto", root)
        assert raised.value.code == "headset_missing"


def test_a_card_that_vanishes_meanwhile_is_not_there(sysfs: Sysfs) -> None:
    sysfs.usb(0, "UC", "1-1")
    (sysfs.root / "class" / "sound" / "card0" / "id").unlink()
    with pytest.raises(HeadsetError, match="no USB headset"):
        find_headset("auto", sysfs.root)
