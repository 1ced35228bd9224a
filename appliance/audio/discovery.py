"""Finding the headset: USB sound cards in sysfs, by serial or port path, never by card number.

The kernel's tree (Documentation/ABI/testing/sysfs-bus-usb): ``class/sound/cardN`` links to the
card, its ``device`` to the USB interface, whose parent is the USB device with ``idVendor``,
``serial`` and ``product`` and whose directory name is the port path, such as ``1-1.2``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from appliance.audio.errors import HeadsetError

SYSFS = Path("/sys")

_STREAM = re.compile(r"pcmC\d+D(\d+)([pc])")


@dataclass(frozen=True, slots=True)
class HeadsetDevice:
    """A headset that is there: what ALSA opens, and what people call it."""

    playback_pcm: str
    capture_pcm: str
    name: str
    identity: str
    """In the form of the setting, so that it can be copied there."""
    note: str = ""
    """What a person should know about the choice; mostly nothing."""


@dataclass(frozen=True, slots=True)
class _UsbCard:
    card_id: str
    port: str
    serial: str
    product: str
    playback: int | None
    capture: int | None

    @property
    def order(self) -> list[int]:
        """Port paths sort by number: 1-1.2 comes before 1-1.10."""
        return [int(number) for number in re.findall(r"\d+", self.port)]

    def headset(self, note: str = "") -> HeadsetDevice:
        return HeadsetDevice(
            playback_pcm=f"plughw:CARD={self.card_id},DEV={self.playback}",
            capture_pcm=f"plughw:CARD={self.card_id},DEV={self.capture}",
            name=self.product or self.card_id,
            identity=f"usb-serial:{self.serial}" if self.serial else f"usb-port:{self.port}",
            note=note,
        )


def find_headset(wanted: str, sysfs: Path = SYSFS) -> HeadsetDevice:
    """The headset that the setting *wanted* (see `AudioSettings`) means, if it is there now.

    Raises `HeadsetError`: ``headset_missing`` when nothing fits, ``headset_unsuitable`` when what
    fits has no microphone or no earpiece. An ALSA name (``pcm:``) is taken as it is.
    """
    kind, _, value = wanted.partition(":")
    if kind == "pcm":
        return HeadsetDevice(value, value, name=value, identity=wanted)
    cards = sorted(_usb_cards(sysfs), key=lambda card: card.order)
    if kind == "usb-serial":
        cards = [card for card in cards if card.serial == value]
        missing = f"the headset with the serial number {value} is not plugged in"
    elif kind == "usb-port":
        cards = [card for card in cards if card.port == value]
        missing = f"no headset is plugged in at USB port {value}"
    else:
        missing = "no USB headset is plugged in; plug one in"
    return _choose(cards, missing)


def found_headsets(sysfs: Path = SYSFS) -> list[HeadsetDevice]:
    """Every headset that is there now and has both directions, by its USB port."""
    cards = sorted(_usb_cards(sysfs), key=lambda card: card.order)
    return [c.headset() for c in cards if c.playback is not None and c.capture is not None]


def _choose(cards: list[_UsbCard], missing: str) -> HeadsetDevice:
    if not cards:
        raise HeadsetError(missing, code="headset_missing")
    headsets = [c for c in cards if c.playback is not None and c.capture is not None]
    if not headsets:
        names = ", ".join(card.product or card.card_id for card in cards)
        lacks = "microphone" if any(c.playback is not None for c in cards) else "earpiece"
        raise HeadsetError(
            f"{names} has no {lacks}; plug in a headset with both", code="headset_unsuitable"
        )
    chosen = headsets[0]
    if len(headsets) == 1:
        return chosen.headset()
    note = f"{len(headsets)} headsets are plugged in; using the one at USB port {chosen.port}"
    return chosen.headset(note)


def _usb_cards(sysfs: Path) -> list[_UsbCard]:
    cards = []
    for entry in (sysfs / "class" / "sound").glob("card*"):
        # A card may vanish while it is looked at; then its files read as empty.
        usb = (entry / "device").resolve().parent
        if not re.fullmatch(r"card\d+", entry.name) or not (usb / "idVendor").is_file():
            continue
        card_id = _text(entry / "id")
        if not card_id:
            continue
        cards.append(
            _UsbCard(
                card_id=card_id,
                port=usb.name,
                serial=_text(usb / "serial"),
                product=_text(usb / "product"),
                playback=_first_device(entry, "p"),
                capture=_first_device(entry, "c"),
            )
        )
    return cards


def _first_device(card: Path, direction: str) -> int | None:
    matches = (_STREAM.fullmatch(path.name) for path in card.glob(f"pcmC*{direction}"))
    return min((int(match[1]) for match in matches if match), default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
