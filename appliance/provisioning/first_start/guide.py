"""The first start as a person goes through it: each step is looked at before it counts as done."""

from __future__ import annotations

import asyncio

from appliance.provisioning.first_start.evidence import Answers, Evidence
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.first_start.steps import Overview, State, Step

NO_ANSWERS = Answers()


class Guide:
    """Steps and what the box finds of them. Raises as `FirstStart` and `Evidence` do."""

    def __init__(self, first_start: FirstStart, evidence: Evidence) -> None:
        self._first_start, self._evidence = first_start, evidence
        self._one_at_a_time = asyncio.Lock()

    @property
    def now(self) -> Overview:
        """How it stands."""
        return self._first_start.now

    async def look(self, who: str) -> Overview:
        """The same, once the change of the one-time password is seen: nobody is here before it."""
        async with self._one_at_a_time:
            now = self.now
            if now.unfinished and now.of(Step.PASSWORD).state is State.OPEN:
                words = await self._evidence.of(Step.PASSWORD, NO_ANSWERS)
                now = await self._first_start.verified(Step.PASSWORD, words, who)
            return now

    async def verify(self, step: Step, answers: Answers, who: str) -> Overview:
        """Look at *step*; done where the box finds it so."""
        words = await self._evidence.of(step, answers)
        return await self._first_start.verified(step, words, who)

    async def set_aside(self, step: Step, who: str) -> Overview:
        """Leave *step* for later."""
        return await self._first_start.set_aside(step, who)

    async def finish(self, who: str) -> Overview:
        """The box is in service."""
        return await self._first_start.finish(who)
