"""Where the parties of a call sit before the listener: agents to the left, customers to the right.

Two voices that come from two places are told apart with less effort (Cherry 1953, the cocktail
party), and understood where they talk over each other. Constant power: what moves sideways is
neither louder nor softer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from appliance.control_link.words import Party

Placement = Literal["off", "partial", "full"]

SHARES: dict[Placement, float] = {"off": 0.5, "partial": 0.7, "full": 1.0}
"""How much of a party's power is in the nearer ear."""
SIDES = {Party.AGENT: -1.0, Party.CUSTOMER: 1.0}
SEATS = (1.0, 0.4, 0.7)
"""How far out the first, second and third of a side sits; further ones share the last seat."""

Gains = tuple[float, float]
"""Left and right; (1, 1) is the middle."""
MIDDLE: Gains = (1.0, 1.0)


def seats(parties: Iterable[Party | None], placement: Placement) -> list[Gains]:
    """The gains of each party; one that is not known sits in the middle."""
    taken: Counter[Party] = Counter()
    gains = []
    for party in parties:
        if party is None:
            gains.append(MIDDLE)
            continue
        out = SEATS[min(taken[party], len(SEATS) - 1)]
        taken[party] += 1
        right = 0.5 + SIDES[party] * out * (SHARES[placement] - 0.5)
        gains.append((math.sqrt(2 * (1 - right)), math.sqrt(2 * right)))
    return gains
