"""The one place where drivers are named."""

from __future__ import annotations

from appliance.platforms.asterisk.driver import AsteriskDriver
from appliance.platforms.protocol import Driver
from appliance.platforms.sandbox.driver import SandboxDriver
from appliance.platforms.settings import PlatformSettings


def make_driver(settings: PlatformSettings) -> Driver:
    """The driver that the settings choose."""
    match settings.driver:
        case "sandbox":
            return SandboxDriver(settings.sandbox)
        case "asterisk":
            return AsteriskDriver(settings.asterisk)
