"""What the checks look at. Each part is a small question, so that a test can answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.monitoring.session import DeviceView
from appliance.monitoring.store import Store
from appliance.platforms.protocol import PlatformConnection
from appliance.provisioning.logs.forwarder import LogState


@dataclass(frozen=True, slots=True)
class Box:
    """The box as the checks see it; ``root`` is where the system's own files are."""

    database: Path
    store: Store
    device: Callable[[], DeviceView]
    connection: Callable[[], PlatformConnection]
    settings_fault: str
    """Why the settings file was refused when this life of the process began; else empty."""
    platform_fault: Callable[[], str]
    """Why the platform that was chosen on the page is not used; else empty."""
    forget_platform: Callable[[str], Awaitable[None]]
    """Use the settings file's platform again, in the name of a person."""
    first_password_unchanged: Callable[[], Awaitable[bool]]
    first_start_unfinished: Callable[[], bool]
    certificate_ends_s: Callable[[], float | None]
    """Seconds until the page's certificate ends; None where there is none."""
    audit_fault: Callable[[], Awaitable[str]]
    """Why the audit log is not as it was written; empty while it is."""
    logs: Callable[[], LogState] = LogState
    """How the sending of the logs goes."""
    root: Path = Path("/")
