"""The calls of the tenant: how they begin, are held, transferred and ended."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Callable

from appliance.platforms.protocol import Agent
from appliance.platforms.sandbox.centre.call import ENDED_BY, Call, EndedBy
from appliance.platforms.sandbox.centre.legs import Legs
from appliance.platforms.sandbox.centre.refusal import RefusedError
from appliance.platforms.sandbox.centre.script import CUSTOMER_VOICES, DIALOGUES
from appliance.platforms.sandbox.centre.settings import CentreSettings
from appliance.platforms.sandbox.centre.speech import Lines
from appliance.platforms.sandbox.centre.tenant import FLOWS, Casting, Flow, seeded

KEPT_ENDED = 1000


class Exchange:
    """All active calls, by id. *changed* is called, on the loop, with each call that changed."""

    def __init__(
        self, settings: CentreSettings, lines: Lines, changed: Callable[[Call], None]
    ) -> None:
        self.calls: dict[str, Call] = {}
        self.legs = Legs(settings, lines, changed)
        self._changed = changed
        self._ended: OrderedDict[str, Call] = OrderedDict()
        self._last_number = 0
        self._random = seeded(settings.seed)

    def begin(self, cast: Casting, *, prefix: str = "call", voices: bool = True) -> Call:
        """A new call, its two parties talking."""
        self._last_number += 1
        names = [flow.name for flow in FLOWS]
        call = Call(
            id=f"{prefix}-{self._last_number}",
            cast=cast,
            agent=cast.agent,
            voices=voices,
            dialogue=names.index(cast.flow.name) % len(DIALOGUES) if cast.flow in FLOWS else 0,
            customer_voice=self._random.randrange(len(CUSTOMER_VOICES)),
        )
        self.calls[call.id] = call
        self._changed(call)
        return call

    def find(self, call_id: str) -> Call:
        """The active call. Raises `RefusedError` when it has ended or never was."""
        call = self.calls.get(call_id)
        if call is not None:
            return call
        if call_id in self._ended:
            raise RefusedError("call_ended", "This interaction has ended.")
        raise RefusedError("not_found", "There is no such interaction.")

    def find_or_ended(self, call_id: str) -> Call:
        """The call, also if it ended lately. Raises `RefusedError`."""
        return self._ended.get(call_id) or self.find(call_id)

    def hold(self, call: Call) -> None:
        """The agent puts the customer on hold."""
        self._move(call, "in-conversation")
        call.state = "on-hold"
        call.tell("on hold")
        self._changed(call)

    def unhold(self, call: Call) -> None:
        """The agent takes the customer back."""
        self._move(call, "on-hold")
        call.state = "in-conversation"
        call.tell("taken back")
        self._changed(call)

    async def transfer(
        self, call: Call, to: Agent, seconds: float, flow: Flow | None = None
    ) -> None:
        """Hand the call to another agent, and into another *flow*; it takes *seconds*.

        Legs stay on it, unless the new flow lets nobody monitor.
        """
        self._move(call, "in-conversation")
        call.state = "transferring"
        call.tell("being transferred")
        self._changed(call)
        try:
            await asyncio.sleep(seconds)
        finally:
            # Also when whoever asked is gone: no call may be left between two agents.
            if call.active:
                call.replace_agent(to)
                call.state = "in-conversation"
                self._enter(call, flow or call.cast.flow)
                self._changed(call)

    def end(self, call: Call, by: EndedBy) -> None:
        """Someone hangs up; every leg on the call ends with it."""
        if not call.active:
            return
        self.legs.end_all(call, ENDED_BY[by])
        call.state = "ended"
        call.tell(f"ended by {by}")
        del self.calls[call.id]
        self._ended[call.id] = call
        while len(self._ended) > KEPT_ENDED:
            self._ended.popitem(last=False)
        self._changed(call)

    def _enter(self, call: Call, flow: Flow) -> None:
        call.cast = dataclasses.replace(call.cast, flow=flow)
        if flow.refusal is not None:
            self.legs.end_all(call, flow.refusal)

    def _move(self, call: Call, expected: str) -> None:
        if call.state != expected:
            raise RefusedError("wrong_state", f"The call is {call.state}, not {expected}.")
