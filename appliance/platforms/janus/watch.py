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
    """The lines that the leg listens to, and who has been missing since when."""

    lines: dict[str, str]
    """Feed by mid. Empty when a former life made them: then no line can be moved."""
    customer_feed: str
    known: frozenset[str] = frozenset()
    """Who published when a former life's leg was taken up."""
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
        if not self.lines and self.known and self.known - here and here - self.known:
            return EndReason.CALL_ENDED  # handed over, and we cannot follow
        return None

    def moves(self, here: frozenset[str]) -> dict[str, str]:
        """Lines whose feed is gone, with the new feeds to put there."""
        free = [mid for mid, feed in self.lines.items() if feed not in here]
        new = sorted(here - set(self.lines.values()))
        return dict(zip(free, new, strict=False))
