"""The steps of the first start, in their order, and how each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """What is seen to. The order is the one in which each needs only those before it."""

    PASSWORD = "password"  # noqa: S105 (a step, no secret)
    NAME = "name"
    NETWORK = "network"
    TIME = "time"
    CERTIFICATE = "certificate"
    PLATFORM = "platform"
    HEADSET = "headset"
    PANEL = "panel"
    SUPERVISOR = "supervisor"


class State(StrEnum):
    """How a step stands."""

    OPEN = "open"
    DONE = "done"
    ASIDE = "aside"
    """Left for later; the box goes into service without it."""


NEEDED: Final = frozenset({Step.PASSWORD})
"""Without these nothing goes into service."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One step: what was verified, in English words, by whom and when (UTC)."""

    step: Step
    state: State = State.OPEN
    words: str = ""
    who: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """All steps in their order."""

    steps: tuple[Standing, ...] = ()
    in_service: datetime | None = None
    """Since when; None before, and on a box that needed no first start."""

    @property
    def unfinished(self) -> bool:
        """There is something to do before the box is in service."""
        return bool(self.steps) and self.in_service is None

    @property
    def next(self) -> Step | None:
        """The first that is open: where the first start is taken up again."""
        return next((one.step for one in self.steps if one.state is State.OPEN), None)

    def of(self, step: Step) -> Standing:
        """That step; open where it is not known."""
        return next((one for one in self.steps if one.step is step), Standing(step))
