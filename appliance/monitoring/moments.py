"""From the machine's monotonic clock, which the control link speaks of, to the time of day."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def moment(at: float) -> datetime:
    """When the monotonic clock showed *at*; never in the future."""
    return datetime.now(UTC) - timedelta(seconds=max(0.0, time.monotonic() - at))
