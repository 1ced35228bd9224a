"""The first start as a document of settings goes through it, with nobody there to press or speak.

The same steps and the same evidence as a person's, so that both ways end in one state. What only a
person can tell, and what the document leaves out and the box does not find, is set aside.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Final

from appliance.provisioning.first_start.evidence import Answers, Evidence
from appliance.provisioning.first_start.first_start import FirstStart
from appliance.provisioning.first_start.steps import Overview, State, Step
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

PERSONS: Final = frozenset({Step.HEADSET, Step.PANEL})
"""Somebody has to hear, speak, press and look."""

AGAIN_S: Final = 5.0
LIMIT_S: Final = 300.0
"""How long what was given may take to come up: a clock that is synchronised, a platform."""


class Unattended:
    """Looks at the steps in the name of a document."""

    def __init__(self, first_start: FirstStart, evidence: Evidence) -> None:
        self._first_start, self._evidence = first_start, evidence
        self.faults: dict[Step, str] = {}
        """Why steps that the document gives are open still, as last seen."""

    async def look(self, who: str, given: Collection[Step], *, alone: bool) -> Overview:
        """Verify what can be; the box is in service where nothing is open then. Only what is
        *given* is looked at unless *alone*, with nobody at the page. Raises `StoreError`,
        `AuditUnwritableError`, `FirstStartError`.
        """
        self.faults = {}
        now = await self._first_start.load()
        for one in now.steps if now.unfinished else ():
            is_ours = one.step not in PERSONS and (alone or one.step in given)
            if is_ours and one.state is not State.DONE:
                await self._verify(one.step, who)
        now = self._first_start.now
        self.faults = {step: words for step, words in self.faults.items() if step in given}
        if not (alone and now.unfinished) or now.of(Step.PASSWORD).state is not State.DONE:
            return now  # somebody has to come all the same
        for one in now.steps:
            if one.state is State.OPEN and one.step not in self.faults:
                await self._first_start.set_aside(one.step, who)
        return self._first_start.now if self.faults else await self._first_start.finish(who)

    async def wait(self, who: str, given: Collection[Step], *, alone: bool) -> None:
        """Look again until nothing that was given is open, or for some minutes. Raises so too."""
        until = asyncio.get_running_loop().time() + LIMIT_S
        while self.faults and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(AGAIN_S)
            await self.look(who, given, alone=alone)

    async def _verify(self, step: Step, who: str) -> None:
        try:
            words = await self._evidence.of(step, Answers())
        except BargeboxError as error:
            log.info("first start: %s is not verified: %s", step, error.detail)
            self.faults[step] = error.detail
            return
        await self._first_start.verified(step, words, who)
