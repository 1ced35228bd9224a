"""The mixers of all calls that a supervisor is on; other calls carry no audio and need none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.platforms.sandbox.centre.call import Call
from appliance.platforms.sandbox.centre.conversation import Side
from appliance.platforms.sandbox.centre.mixer import Mixer
from appliance.platforms.sandbox.centre.sound import FLOOR
from appliance.platforms.sandbox.centre.speech import Lines
from appliance.service.tasks import deadly_task, stop_tasks


@dataclass(frozen=True, slots=True)
class Mixing:
    """A mixer and the task that runs it."""

    mixer: Mixer
    task: asyncio.Task[None]


class Mixers:
    """By the id of their call."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._mixing: dict[str, Mixing] = {}

    def start(self, call: Call) -> None:
        """Mix *call*; nothing happens when it is mixed already."""
        if call.id not in self._mixing:
            mixer = Mixer(call, self._lines)
            self._mixing[call.id] = Mixing(mixer, deadly_task(mixer.run(), f"mixer of {call.id}"))

    def stop(self, call: Call) -> None:
        """Mix *call* no longer; nothing happens when it was not mixed."""
        mixing = self._mixing.pop(call.id, None)
        if mixing is not None:
            mixing.task.cancel()

    def measure(self, call: Call, side: Side, hz: float | None, seconds: float) -> float:
        """What `Mixer.measure` says; silence when the call carries no audio."""
        mixing = self._mixing.get(call.id)
        return FLOOR if mixing is None else mixing.mixer.measure(side, hz, seconds)

    async def close(self) -> None:
        """End all mixing."""
        await stop_tasks(*(mixing.task for mixing in self._mixing.values()))
