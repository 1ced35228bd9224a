"""What a site asks of a supervisor before each call: a text to confirm, a reason to give.

Both are for sites whose law or agreements want them; a box asks for neither by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from appliance.monitoring.policy import RefusedError
from appliance.monitoring.settings import MAX_REASON, MonitoringSettings


@dataclass(frozen=True, slots=True)
class Given:
    """What came with the wish to monitor a call."""

    confirmed: bool = False
    reason: str = ""


NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class Terms:
    """``confirmation`` is the text, empty where none is asked for. A reason is one of ``reasons``
    where there are any, else any words.
    """

    confirmation: str = ""
    ask_reason: bool = False
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: MonitoringSettings) -> Self:
        """What the box's settings ask for."""
        return cls(settings.confirmation, settings.ask_reason, tuple(settings.reasons))

    def __bool__(self) -> bool:
        return bool(self.confirmation) or self.ask_reason

    def accept(self, given: Given) -> Given:
        """*given*, tidied, if it is enough.

        Raises `RefusedError`: ``reason_needed``, ``confirmation_needed`` (with the text).
        """
        reason = " ".join(given.reason.split())
        if len(reason) > MAX_REASON:
            raise RefusedError(f"A reason has at most {MAX_REASON} characters.", code=_REASON)
        if self.ask_reason and not reason:
            choice = f" Choose one: {'; '.join(self.reasons)}." if self.reasons else ""
            words = f"This box asks for a reason before each call.{choice}"
            raise RefusedError(words, code=_REASON)
        if self.reasons and reason and reason not in self.reasons:
            words = f"That reason is not one of this box's: {'; '.join(self.reasons)}."
            raise RefusedError(words, code=_REASON)
        if self.confirmation and not given.confirmed:
            raise RefusedError(self.confirmation, code="confirmation_needed")
        return Given(given.confirmed and bool(self.confirmation), reason)


_REASON = "reason_needed"
NO_NEXT = "The next call was not joined: this box asks before each call. Choose one on the page."
"""To whom held the hang-up button."""
