"""How the call sounded: the figures of a whole session, and the words for a MOS."""

from __future__ import annotations

from enum import StrEnum

from appliance.control_link.base import Message

GOOD_FROM = 4.0
FAIR_FROM = 3.1


class Rating(StrEnum):
    """A MOS in one word. The bounds are about those of ITU-T G.107 table B.1: from 4.0 on people
    are satisfied, from 3.1 on some or many are not, below it nearly all are not.
    """

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


def rating_of(mos: float) -> Rating:
    """The word for *mos*, 1.0 to 4.5."""
    if mos >= GOOD_FROM:
        return Rating.GOOD
    return Rating.FAIR if mos >= FAIR_FROM else Rating.POOR


class SessionQuality(Message):
    """The downlink of a session from its beginning until now. Seconds without packets, such as on
    hold, do not count; a figure that nothing was measured for is null.
    """

    mos: float | None = None
    """Mean of the seconds, 1.0 to 4.5 (E-model, ITU-T G.107.1)."""
    mos_worst: float | None = None
    """Of the worst second."""
    lost_percent: float | None = None
    """Packets that never came, of those that were sent."""
    concealed_percent: float | None = None
    """Time that the box made up, because its packet was lost or too late."""
    delay_ms: float | None = None
    """Mean from mouth to ear, as far as it is known."""
