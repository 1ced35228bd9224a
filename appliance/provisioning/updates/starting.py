"""Which software the box starts next, and starting it; never during a call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Final

from pydantic import JsonValue

from appliance.monitoring.audit import Entry
from appliance.provisioning.bus import BusError
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.updates.errors import UpdateError, of_bus
from appliance.provisioning.updates.installation import BOX
from appliance.provisioning.updates.rauc import Rauc, Slot
from appliance.provisioning.updates.restarting import Restarter
from appliance.provisioning.updates.slots import Slots
from appliance.service.jobs import Jobs

GONE_WITHIN_S: Final = 120.0
"""A box that has not gone down by then does not, and calls may be joined again."""


class Starting:
    """Orders about the next start. Methods raise `UpdateError` and `BusError`."""

    def __init__(self, audit: Log, calls: Calls, restarter: Restarter) -> None:
        self._audit, self._calls, self._restarter = audit, calls, restarter
        self._jobs = Jobs()

    async def stop(self) -> None:
        """Let calls be joined again."""
        await self._jobs.finish(0.0)

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
        with ExitStack() as closed:
            closed.callback(await self._calls.close())
            await self._audit.append(Entry(who, "update_restart", detail=_detail(coming)))
            await self._restarter.restart()
            self._jobs.spawn(_hold(closed.pop_all()), "restart into an update")

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


async def _hold(closed: ExitStack) -> None:
    """Nobody joins a call that the restart would end."""
    with closed:
        await asyncio.sleep(GONE_WITHIN_S)
