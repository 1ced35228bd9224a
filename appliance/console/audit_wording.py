"""What the audit log's actions are called, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from appliance.control_link.words import EndReason
from appliance.monitoring.reasons import WORDS

ACTIONS: Final = {
    "monitor": "Began to monitor",
    "monitor_refused": "Was refused to monitor",
    "unmute": "Un-muted",
    "unmute_refused": "Was refused to un-mute",
    "mute_asked": "Asked to mute",
    "mute": "Muted",
    "ended": "Monitoring ended",
    "resumed": "Took the session up again after a restart",
    "reconnect": "Began to reconnect the sound",
    "reconnected": "Reconnected the sound",
    "press": "Pressed a button of the box",
    "watch": "Began to watch",
    "unwatch": "Stopped watching",
    "platform_changed": "Changed the call platform",
    "platform_reset": "Went back to the settings file’s platform",
    "audit_exported": "Exported the audit log",
    "history_exported": "Exported the history",
    "audit_cut": "Removed old rows of the audit log",
    "audit_lost": "Could not write all rows of the audit log",
    "audit_broken": "Found the audit log damaged",
    "audit_key_made": "Made a new key for the audit log",
    "signed_in": "Signed in",
    "sign_in_refused": "Refused a sign-in",
    "sign_in_ended": "Ended a sign-in",
    "password_changed": "Changed the own password",
    "password_reset": "Reset a password",
    "recovery_opened": "Let a password be set anew at the box: both buttons were held",
    "recovery_asked": "Asked for a new password at the box",
    "recovery_closed": "Let no password be set at the box any more",
    "account_recovered": "Gave an account a new password at the box",
    "account_created": "Made an account",
    "account_changed": "Changed an account",
    "account_locked": "Locked an account",
    "account_unlocked": "Unlocked an account",
    "account_deleted": "Removed an account",
    "role_created": "Made a role",
    "role_changed": "Changed a role",
    "role_deleted": "Removed a role",
    "openid_changed": "Changed the sign-in at the identity provider",
    "token_made": "Made an API token",
    "token_revoked": "Revoked an API token",
    "self_test": "Ran the self-test, which opens the microphone",
    "headset_checked": "Checked the headset, which opens the microphone",
    "first_start_step": "Saw to a step of the first start",
    "in_service": "Put the box into service",
    "permission_refused": "Was refused for want of a permission",
    "settings_changed": "Changed the box’s settings",
    "settings_imported": "Began to apply a document of settings",
    "settings_applied": "Applied a document of settings",
    "settings_applied_in_part": "Applied a document of settings, but not all of it",
    "settings_refused": "Refused a document of settings",
    "settings_exported": "Exported the settings",
    "certificate_requested": "Made a request for a certificate",
    "certificate_request_withdrawn": "Withdrew the request for a certificate",
    "certificate_uploaded": "Uploaded a certificate",
    "certificate_reset": "Went back to the box’s own certificate",
    "certificate_made": "Made a certificate of its own",
    "certificate_read": "Read another certificate",
    "authority_trusted": "Trusted a certificate authority",
    "authority_removed": "Removed a certificate authority",
    "network_changed": "Changed the network settings",
    "network_confirmed": "Kept the changed network settings",
    "network_discarded": "Undid the changed network settings",
    "network_rolled_back": "Undid the changed network settings by itself",
    "box_renamed": "Gave the box another name",
    "clock_changed": "Changed the time settings",
    "update_chosen": "Chose an update",
    "update_refused": "Had an update refused",
    "update_forgotten": "Took back the choice of an update",
    "update_begun": "Began to install an update",
    "update_installed": "Installed an update",
    "update_failed": "Could not install an update",
    "update_restart": "Restarted the box into an update",
    "update_slot_chosen": "Chose which software starts next",
    "update_marked_good": "Found that the new software works",
    "health_fix": "Had the box mend something",
    "support_bundle": "Made a support bundle",
    "log_forwarding_changed": "Changed where the logs are sent",
    "restarted": "Restarted the box or its services",
    "factory_reset": "Reset the box to how it left the factory",
    "factory_reset_done": "Began anew after a factory reset",
}
"""By the name in the log. What is not here is told by that name."""

_AUDIENCES = {"everyone": "everybody hears", "agent": "only the agent hears"}
_CAUSES = {
    "button": "at the button",
    "control": "on the page",
    "headset": "the headset was unplugged",
    "reconnected": "nobody knows by whom",
}
_VIA = {"page": "on the page", "button": "at the button"}
_SILENT = frozenset({"number"})
"""Details that mean nothing to a person."""


def action(name: str) -> str:
    """*name* in words."""
    return ACTIONS.get(name) or name.replace("_", " ").strip().capitalize() or "–"


def actions_with(word: str) -> frozenset[str]:
    """The actions in whose words *word* occurs."""
    part = word.casefold()
    return frozenset(name for name, words in ACTIONS.items() if part in words.casefold())


def describe(name: str, detail: Mapping[str, Any]) -> tuple[str, str]:
    """What happened, and the rest that is known of it, both in words."""
    told = [_told(key, value) for key, value in detail.items() if key not in _SILENT]
    return action(name), "; ".join(part for part in told if part)


def _told(key: str, value: object) -> str:
    if key == "audience":
        return _AUDIENCES.get(str(value), str(value))
    if key == "via":
        return _VIA.get(str(value), str(value))
    if key == "cause":
        return _CAUSES.get(str(value), _plain(value))
    if key in ("reason", "code") and value in _REASONS:
        return _REASONS[str(value)].rstrip(".")
    words = _plain(value)
    return f"{key.replace('_', ' ')}: {words}" if words else ""


_REASONS = {reason.value: words for reason, words in WORDS.items() if isinstance(reason, EndReason)}


def _plain(value: object) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
