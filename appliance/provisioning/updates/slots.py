"""The places that hold the box's software: which runs, and which one starts next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from appliance.provisioning.bus import BusError
from appliance.provisioning.updates.errors import BUSY
from appliance.provisioning.updates.rauc import Rauc, Slot

SOFTWARE: Final = version("bargebox")
TRIES, TRY_AGAIN_S = 20, 0.25
"""RAUC is busy for a moment after it said that it has done."""


@dataclass(frozen=True, slots=True)
class Slots:
    """All of them, and the name of the one that the box starts from next time."""

    all: tuple[Slot, ...] = ()
    next: str = ""

    @property
    def running(self) -> str:
        """The version that runs: the slot's, or the program's own where it came with the card."""
        return next((slot.version for slot in self.all if slot.booted), "") or SOFTWARE

    @property
    def coming(self) -> Slot | None:
        """What a restart would bring, where that is another than what runs."""
        slot = self.named(self.next)
        return None if slot is None or slot.booted else slot

    def named(self, name: str) -> Slot | None:
        """The one of that name."""
        return next((slot for slot in self.all if slot.name == name), None)


async def slots_of(rauc: Rauc) -> Slots:
    """As they are, once RAUC has time to tell. Raises `BusError`."""
    for left in range(TRIES, -1, -1):
        try:
            return Slots(tuple(await rauc.slots()), await rauc.next_slot())
        except BusError as error:
            if not left or BUSY not in error.detail.lower():
                raise
            await asyncio.sleep(TRY_AGAIN_S)
    raise AssertionError
