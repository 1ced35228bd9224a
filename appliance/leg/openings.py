"""Those who wait for the gate to open, each for the epoch that consent was given for."""

from __future__ import annotations

import asyncio

from appliance.control_link.words import Gate
from appliance.leg.gate import GateError, Transition


class Openings:
    """Used on the loop only; bounded, since each epoch opens or is closed in a limited time."""

    def __init__(self) -> None:
        self._waited_for: dict[int, asyncio.Future[None]] = {}

    async def wait(self, epoch: int) -> None:
        """Returns when the gate has opened in *epoch*.

        Raises `GateError` (``stale``, ``headset_lost``) when it was closed instead.
        """
        if epoch not in self._waited_for:
            self._waited_for[epoch] = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._waited_for[epoch])

    def settle(self, moved: Transition) -> None:
        """The gate has moved."""
        for epoch, future in list(self._waited_for.items()):
            if moved.gate is Gate.OPEN and moved.epoch == epoch:
                future.set_result(None)
            elif moved.gate is Gate.CLOSED and moved.epoch > epoch:
                future.set_exception(_why_closed(moved.cause))
            else:
                continue
            del self._waited_for[epoch]


def _why_closed(cause: str) -> GateError:
    if cause == "headset":
        return GateError("the headset was unplugged", code="headset_lost")
    if cause == "timeout":
        return GateError("the headset's microphone gave no sound in time", code="headset_lost")
    return GateError("the microphone was muted meanwhile", code="stale")
