"""One check a file; a new one is a file and its line here."""

from __future__ import annotations

from typing import Final

from appliance.provisioning.health.check import Check
from appliance.provisioning.health.checks import (
    audit,
    board,
    certificate,
    clock,
    database,
    database_intact,
    disk,
    first_password,
    first_start,
    headset,
    logs,
    panel,
    platform,
    restarts,
    settings,
)

CHECKS: Final[tuple[Check, ...]] = (
    disk.CHECK,
    database.CHECK,
    database_intact.CHECK,
    audit.CHECK,
    clock.CHECK,
    settings.CHECK,
    panel.CHECK,
    headset.CHECK,
    platform.CHECK,
    board.CHECK,
    certificate.CHECK,
    first_password.CHECK,
    first_start.CHECK,
    restarts.CHECK,
    logs.CHECK,
)
