"""The one place where drivers are named. Only the chosen one is imported, with what it needs."""

from __future__ import annotations

from appliance.platforms.protocol import Driver
from appliance.platforms.settings import PlatformSettings


def make_driver(settings: PlatformSettings) -> Driver:
    """The driver that the settings choose."""
    match settings.driver:
        case "sandbox":
            from appliance.platforms.sandbox.driver import SandboxDriver

            return SandboxDriver(settings.sandbox)
        case "asterisk" if settings.asterisk.mode == "chanspy":
            from appliance.platforms.asterisk.spying_driver import SpyingDriver

            return SpyingDriver(settings.asterisk)
        case "asterisk":
            from appliance.platforms.asterisk.driver import AsteriskDriver

            return AsteriskDriver(settings.asterisk)
        case "janus":
            from appliance.platforms.janus.driver import JanusDriver

            return JanusDriver(settings.janus)
        case "cxengage":
            from appliance.platforms.cxengage.driver import CxEngageDriver

            return CxEngageDriver(settings.cxengage)
