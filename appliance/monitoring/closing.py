"""Nobody joins for a while: what is about to begin anew interrupts no call, and begins none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from appliance.monitoring.desk import Desk
from appliance.monitoring.policy import RefusedError
from appliance.monitoring.recovery import Recovery
from appliance.monitoring.session_machine import State
from appliance.monitoring.store import StoreError

log = logging.getLogger(__name__)

ENDED_LIMIT_S = 3.0
LOOKS, LOOK_S = 50, 0.1
"""How often, and each how long, the last legs are given to be left."""


class Closing:
    """Closes the box for calls, and opens it again."""

    def __init__(self, desk: Desk, recovery: Recovery) -> None:
        self._desk, self._recovery = desk, recovery

    async def close(self) -> Callable[[], None]:
        """Let nobody join until what this returns is called; others may have closed it as well.

        Raises ``busy`` while a call is monitored, or one of a former life may still be.
        """
        desk = self._desk
        await desk.until(lambda: desk.machine.state is not State.ENDED, ENDED_LIMIT_S)
        if (session := desk.session) is not None:
            words = f"{session.owner.name} is monitoring a call. Try again when it has ended."
            raise RefusedError(words, code="busy")
        if not self._recovery.met:
            words = "The box has just started and looks for a call to go on with. Try again."
            raise RefusedError(words, code="busy")
        holder = object()
        reopen = partial(desk.closed_by.discard, holder)
        with ExitStack() as undone:
            undone.callback(reopen)
            desk.closed_by.add(holder)
            await self._left_by_then()
            undone.pop_all()
        return reopen

    async def _left_by_then(self) -> None:
        """Give the legs that are being left a moment; a platform that is away keeps nobody."""
        try:
            for _ in range(LOOKS):
                if not await self._desk.history.open_legs():
                    return
                await asyncio.sleep(LOOK_S)
        except StoreError as error:
            log.error("whether a leg is left cannot be read: %s", error.detail)
        log.warning("a leg may be left on the platform")
