"""Changes where the logs are sent, whoever asks for it."""

from __future__ import annotations

import asyncio

from appliance.monitoring.audit import Entry
from appliance.provisioning.logs.settings import LogForwarding, LogForwardingFile
from appliance.provisioning.neighbours import Log


async def keep(file: LogForwardingFile, audit: Log, who: str, settings: LogForwarding) -> None:
    """Have *settings* in *file*, on record first. Raises `BargeboxError`."""
    detail = settings.model_dump(mode="json")
    await audit.append(Entry(who, "log_forwarding_changed", detail=detail))
    await asyncio.to_thread(file.write, settings)
