"""Which software the box starts next, and starting it; never during a call."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import ExitStack

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.box.restart import Restart
from appliance.provisioning.bus import BusError
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.updates.errors import UpdateError, of_bus
from appliance.provisioning.updates.installation import BOX
from appliance.provisioning.updates.rauc import Rauc, Slot
from appliance.provisioning.updates.slots import Slots


class Starting:
    """Orders about the next start. Methods raise `UpdateError` and `BusError`."""

    def __init__(self, audit: Log, calls: Calls, restart: Restart) -> None:
        self._audit, self._calls, self._restart = audit, calls, restart

    async def choose(self, who: str, rauc: Rauc, slots: Slots, name: str) -> None:
        """Have the box start from the slot of that name. Raises ``busy`` in a call."""
        if (slot := slots.named(name)) is None:
            raise UpdateError("slot_unknown")
        if not slot.booted and not (slot.good and slot.whole):
            raise UpdateError("slot_unfit")
        with ExitStack() as closed:
            closed.callback(await self._calls.close())
            await self._audit.append(Entry(who, "update_slot_chosen", detail=_detail(slot)))
            await _carried_out(rauc.mark("active", name))

    async def restart(self, who: str, slots: Slots) -> None:
        """Restart into the slot that is next. Raises ``busy`` in a call."""
        if (coming := slots.coming) is None:
            raise UpdateError("nothing_to_restart")
        entry = Entry(who, "update_restart", detail=_detail(coming))
        await self._restart.order(who, "box", on_record=entry)

    async def mark_good(self, rauc: Rauc, version: str) -> None:
        """What runs is what the box starts from now on."""
        name = await _carried_out(rauc.mark("good", "booted"))
        detail: dict[str, JsonValue] = {"slot": name, "version": version}
        self._audit.note(Entry(BOX, "update_marked_good", detail=detail))


def _detail(slot: Slot) -> dict[str, JsonValue]:
    return {"slot": slot.name, "version": slot.version}


async def _carried_out(order: Coroutine[None, None, str]) -> str:
    try:
        return await order
    except BusError as error:
        raise of_bus(error) from error
