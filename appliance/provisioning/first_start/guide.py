"""The first start as a person goes through it: each step is looked at before it counts as done."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from appliance.monitoring.store import StoreError
from appliance.provisioning.first_start.evidence import Answers, Evidence, NotVerifiedError
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
        """The same, with the change of the one-time password if that is news: no person is here
        before it. Raises nothing: to look is possible with a full disk too.
        """
        async with self._one_at_a_time:
            if self.now.unfinished and self.now.of(Step.PASSWORD).state is State.OPEN:
                with suppress(NotVerifiedError, StoreError):
                    await self.verify(Step.PASSWORD, NO_ANSWERS, who)
            return self.now

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
