"""The JSON shape that every event stream begins with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from appliance.console.views import DeviceOut, Moment, PlatformOut
from appliance.provisioning.updates.views import Progress


class SnapshotOut(BaseModel):
    """First on every event stream, and again when a slow client missed events.

    The list itself has its own address; ``active`` is how many interactions it has.
    ``quality`` is the running session's last event of that name, ``recent_mos`` its MOS of the
    last 60 s, oldest first; null where unknown.
    """

    as_of: Moment
    platform: PlatformOut
    active: int
    monitoring: dict[str, Any]
    device: DeviceOut | None
    quality: dict[str, Any] | None
    recent_mos: list[float | None]
    update: Progress | None
    """What is being done with an update; null without ``MANAGE_DEVICE``."""
    page: str
    """The version of the page's files: an open page with others was made before an update."""
