"""The one request for a new password at the box, from the number it shows to the last press.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

CONFIRM_S: Final = 60.0
"""From the request to the last press."""
QUIET_S: Final = 2.0
"""Without another press; then the number is complete."""
CLAIM_S: Final = 120.0
"""From the presses to the choice of the account."""
FEWEST, MOST = 3, 6
"""Presses; each number is as likely."""


def new_secret() -> str:
    """What a browser keeps, to be known again."""
    return secrets.token_urlsafe(32)


def _number() -> int:
    return FEWEST + secrets.randbelow(MOST - FEWEST + 1)


@dataclass(slots=True)
class Asked:
    """Made when a browser asked."""

    at: float
    secret: str = field(default_factory=new_secret)
    presses: int = field(default_factory=_number)
    pressed: int = 0
    last: float = 0.0
    confirmed_at: float | None = None

    @property
    def until(self) -> float:
        """So long is the next of it waited for."""
        if self.confirmed_at is not None:
            return self.confirmed_at + CLAIM_S
        return self.at + CONFIRM_S

    def is_by(self, secret: str) -> bool:
        """Whether the browser with *secret* asked."""
        return hmac.compare_digest(self.secret.encode(), secret.encode("utf-8", "replace"))

    def press(self, now: float) -> bool:
        """Count a press; False when it was one too many."""
        self.pressed += 1
        self.last = now
        return self.pressed <= self.presses

    def settle(self, now: float) -> float:
        """Confirm it if the number is complete by *now*; when it is over."""
        if self.confirmed_at is None and self.pressed == self.presses:
            if now < self.last + QUIET_S:  # the last one came in time; its quiet may end later
                return max(self.until, self.last + QUIET_S)
            self.confirmed_at = now
        return self.until
