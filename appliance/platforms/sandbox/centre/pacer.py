"""A beat every 20 ms of the monotonic clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from appliance.platforms.sandbox.centre.sound import FRAME_SECONDS

MOST_LATE = 5
"""Beats that are caught up after the loop was held up; more than that are skipped."""


async def beats(origin: float) -> AsyncIterator[tuple[int, float]]:
    """Yield (number, monotonic time due) of each beat since *origin*, on time, for ever.

    Numbers grow by one, or by more where beats were skipped.
    """
    number = int((time.monotonic() - origin) / FRAME_SECONDS) + 1
    while True:
        due = origin + number * FRAME_SECONDS
        late = time.monotonic() - due
        if late < 0:
            await asyncio.sleep(-late)
        elif late > MOST_LATE * FRAME_SECONDS:
            number += int(late / FRAME_SECONDS)
            due = origin + number * FRAME_SECONDS
        yield number, due
        number += 1
