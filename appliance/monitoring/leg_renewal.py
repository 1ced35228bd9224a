"""Another headset or board was chosen: the leg is asked to begin anew with it, in idle.

The leg tells at each connection what it was started with, so that nothing has to be remembered
here: whatever became of control meanwhile, the next one sees the difference.
"""

from __future__ import annotations

import asyncio
import logging

from appliance.control_link.client import LegError, LegUnreachableError
from appliance.control_link.commands import Renew
from appliance.control_link.events import Snapshot
from appliance.control_link.states import LegChoice
from appliance.monitoring.desk import Desk

log = logging.getLogger(__name__)

LIMIT_S = 5.0
TRIES, AGAIN_S = 40, 5.0


class LegRenewal:
    """Sees to it that the leg has *wanted*; None leaves it as it is."""

    def __init__(self, desk: Desk, wanted: LegChoice | None) -> None:
        self._desk, self._wanted = desk, wanted
        self._asked = False

    def meet(self, snapshot: Snapshot) -> None:
        """The leg is there. It is asked once: one that reads other settings stays as it is."""
        if self._wanted is None or snapshot.chosen in {None, self._wanted}:
            return
        if self._asked or snapshot.call is not None:
            log.warning("the headset process has other settings; restart it when no call runs")
            return
        self._asked = True
        self._desk.jobs.spawn(self._ask(), "renew the leg")

    async def _ask(self) -> None:
        """Until it does, or for some minutes; it may be in a check, a self-test or a call."""
        for _ in range(TRIES):
            try:
                await self._desk.link.request(lambda number: Renew(id=number), limit_s=LIMIT_S)
                return
            except (LegError, LegUnreachableError) as error:
                log.warning("the headset process does not begin anew: %s", error.detail)
                if error.code != "busy":
                    return
            await asyncio.sleep(AGAIN_S)
