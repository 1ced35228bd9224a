"""How a headset is chosen, in the words that settings, page and leg share."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

AUTO: Final = "auto"
"""Whichever is plugged in."""

_PORT_PATH = re.compile(r"\d+-\d+(\.\d+)*")
_CARD_INDEX = re.compile(r"^[a-z_]+:(CARD=)?\d+\b", re.IGNORECASE)
_FORMS = "write auto, usb-serial:SERIAL, usb-port:PATH (such as usb-port:1-1.2) or pcm:NAME"


def _known_form(headset: str) -> str:
    """Raises ``ValueError`` in plain words."""
    kind, _, value = headset.partition(":")
    if headset == AUTO:
        return headset
    if kind not in {"usb-serial", "usb-port", "pcm"}:
        raise ValueError(f"“{headset}” names no headset: {_FORMS}")
    if not value or value != value.strip() or not value.isprintable():
        raise ValueError(f"“{headset}” names no headset after “{kind}:”: {_FORMS}")
    if kind == "usb-port" and not _PORT_PATH.fullmatch(value):
        raise ValueError(f"“{value}” is no USB port path: write one such as 1-1.2")
    if kind == "pcm" and _CARD_INDEX.match(value):
        raise ValueError(
            f"“{value}” chooses a card by its number, which changes when devices are plugged "
            "in in another order: choose it by USB serial or port"
        )
    return headset


HeadsetName = Annotated[str, Field(max_length=200), AfterValidator(_known_form)]
"""``auto``, ``usb-serial:SERIAL``, ``usb-port:PATH`` or ``pcm:NAME``; never a card's number,
which changes with the order of plugging in."""
