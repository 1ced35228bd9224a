"""Words of the pages of accounts."""

from __future__ import annotations

from typing import Final

from appliance.monitoring.policy import Permission

PERMISSIONS: Final = {
    Permission.VIEW_ALL_MONITORED_CALLS: "See calls and everybody's sessions",
    Permission.MONITOR_ALL_CALLS: "Monitor calls silently",
    Permission.COACH_ALL_CALLS: "Coach: only the agent hears you",
    Permission.BARGE_ALL_CALLS: "Barge in: agent and customer hear you",
    Permission.MANAGE_DEVICE: "Set the box up",
    Permission.MANAGE_ACCOUNTS: "Manage accounts and roles",
    Permission.VIEW_AUDIT: "Read the audit log",
}
"""What each permission lets somebody do, in the order in which they are shown."""
