"""What a look at a call's room means for the leg that listens to it. Pure: no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.control_link.words import EndReason

GRACE_S = 1.2
"""How long a party may be missing before that is the end: it may be reconnecting."""
UNSETTLED = frozenset({"transferring", "on-hold", "ringing"})
"""States in which the agent may be missing for as long as it takes."""


@dataclass
class Watch:
    """Who has been missing since when."""

    customer_feed: str
    _missing: dict[EndReason, float] = field(default_factory=dict)

    def gone(self) -> EndReason:
        """The room is gone: the reason is whoever went first, if that was seen."""
        return min(self._missing, key=lambda r: self._missing[r], default=EndReason.CALL_ENDED)

    def look(self, here: frozenset[str], state: str, now: float) -> EndReason | None:
        """Why the call is over, if it is, given who publishes at *now* (seconds)."""
        for reason, missing in (
            (EndReason.CUSTOMER_ENDED, self.customer_feed not in here and state != "ringing"),
            (EndReason.AGENT_ENDED, not here - {self.customer_feed} and state not in UNSETTLED),
        ):
            if missing:
                self._missing.setdefault(reason, now)
            else:
                self._missing.pop(reason, None)
        if self._missing and now - min(self._missing.values()) >= GRACE_S:
            return self.gone()
        return None


def moves(lines: dict[str, str], here: frozenset[str]) -> dict[str, str]:
    """Which of the *lines* (feed by mid) have lost their feed, and the new feed to put there."""
    free = [mid for mid, feed in lines.items() if feed not in here]
    new = sorted(here - set(lines.values()))
    return dict(zip(free, new, strict=False))
