"""Which call platform, and each driver's own section."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.janus.settings import JanusSettings
from appliance.platforms.sandbox.settings import SandboxSettings

DriverName = Literal["sandbox", "asterisk", "janus", "cxengage"]


class PlatformSettings(BaseModel):
    """Section ``platform``; the section of a driver that is not chosen may stay as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: DriverName = "sandbox"
    sandbox: SandboxSettings = SandboxSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    janus: JanusSettings = JanusSettings()
    cxengage: CxEngageSettings = CxEngageSettings()
