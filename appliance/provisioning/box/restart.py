"""Restarting the box (systemd-logind) or only its own services (systemd), never in a call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import BaseModel

from appliance.monitoring.audit import Entry
from appliance.provisioning.bus import BusError, Place, SystemBus, Talk
from appliance.provisioning.neighbours import Calls, Log
from appliance.provisioning.not_changed import NotChangedError
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

What = Literal["box", "services"]

UNIT: Final = "bargebox.target"
"""Both services and their sockets are part of it."""
GONE_WITHIN_S: Final = 120.0
"""A process that lives longer than this after its restart was ordered will not be restarted."""

_LOGIND: Final = Place(
    "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
)
_SYSTEMD: Final = Place(
    "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
)


class RestartView(BaseModel):
    """What can be restarted from here, and what is about to be."""

    box: bool
    services: bool
    detail: str = ""
    """Why something cannot be."""
    restarting: What | None = None
    since: datetime
    """When this life of control began: another one tells that the restart is over."""


class Restart:
    """Its methods raise `BusError` and `NotChangedError`."""

    def __init__(
        self, bus: SystemBus, audit: Log, calls: Calls, *, gone_within_s: float = GONE_WITHIN_S
    ) -> None:
        self._bus, self._audit, self._calls = bus, audit, calls
        self._gone_within_s = gone_within_s
        self._jobs = Jobs()
        self._now: What | None = None
        self._since = datetime.now(UTC)

    async def stop(self) -> None:
        """Wait for it no more."""
        await self._jobs.finish(0.0)

    async def view(self) -> RestartView:
        """As it is now; without the services that there is nothing to be done, never an error."""
        view = RestartView(box=False, services=False, restarting=self._now, since=self._since)
        try:
            async with self._bus.talk() as talk:
                view.services = await talk.runs(_SYSTEMD.service)
                (can,) = await talk.call(_LOGIND, "CanReboot")
                view.box = can == "yes"
        except BusError as error:
            view.detail = error.detail
        if not view.box and not view.detail:
            view.detail = "systemd-logind does not let Bargebox restart the box."
        return view

    async def order(self, who: str, what: What, *, on_record: Entry | None = None) -> RestartView:
        """Begin to restart, on record first, as *on_record* where there is more to say of it;
        nobody joins from then on. Raises ``busy`` in a call and while it restarts already.
        """
        entry = on_record or Entry(who, "restarted", detail={"what": what})
        if self._now is not None:
            raise NotChangedError("The box restarts already.", code="busy")
        with ExitStack() as undone:
            undone.callback(setattr, self, "_now", None)
            self._now = what  # before the first wait, so that two cannot both begin
            reopen = undone.callback(await self._calls.close())
            async with self._bus.talk() as talk:
                await self._audit.append(entry)
                await _ordered(talk, what)
            undone.pop_all()
        log.warning("%s had restarted: %s", who, what)
        self._jobs.spawn(self._still_here(reopen), "restart")
        return RestartView(box=True, services=True, restarting=what, since=self._since)

    async def _still_here(self, reopen: Callable[[], None]) -> None:
        """The system did not do as it said: people may go on."""
        await asyncio.sleep(self._gone_within_s)
        log.error("the restart that was ordered did not come")
        self._now = None
        reopen()


async def _ordered(talk: Talk, what: What) -> None:
    if what == "box":
        await talk.call(_LOGIND, "Reboot", "b", False)
    else:
        await talk.call(_SYSTEMD, "RestartUnit", "ss", UNIT, "replace")
