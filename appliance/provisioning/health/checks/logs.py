"""The logs reach the server that they are sent to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from appliance.provisioning.health.box import Box
from appliance.provisioning.health.check import Check
from appliance.provisioning.health.finding import Finding, fault, warning
from appliance.provisioning.words import said

PATIENCE = timedelta(minutes=10)
LATELY = timedelta(hours=1)


async def look(box: Box) -> list[Finding]:
    """As the sending tells it; where nothing is sent, nothing is wrong."""
    logs, now = box.logs(), datetime.now(UTC)
    found = []
    if logs.fault:
        advice = said("Save the log server again on its page.")
        found.append(fault("log_settings_damaged", logs.fault, advice))
    if logs.away_since is not None and now - logs.away_since > PATIENCE:
        words = said("The logs have not been sent for a while. {why}", why=logs.detail)
        advice = said("Test the connection on the page “Log server”, or switch it off there.")
        found.append(warning("log_server_away", words, advice))
    if logs.dropped_at is not None and now - logs.dropped_at < LATELY:
        words = said("{lines} log lines were not sent: too many waited.", lines=logs.dropped)
        advice = said("They are in the box’s journal; see that the log server can be reached.")
        found.append(warning("log_lines_lost", words, advice))
    return found


CHECK = Check("logs", ("log_settings_damaged", "log_server_away", "log_lines_lost"), look)
