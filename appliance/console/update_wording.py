"""Words of the page about updates."""

from __future__ import annotations

from appliance.console.language import spoken
from appliance.provisioning.updates.errors import NO_UPDATER, WORDS

REFUSALS = WORDS | {"service_absent": NO_UPDATER}
"""Why something is not done, by its code."""
STEPS = {
    "checking": "Checking the update …",
    "writing": "Writing it beside what runs …",
    "finishing": "Finishing …",
}
AGES = {
    "newer": "newer than what runs",
    "same": "the same as what runs",
    "older": "older than what runs",
    "unknown": "cannot be compared with what runs",
}
SOURCES = {"upload": "Uploaded file", "stick": "USB stick", "server": "Server"}
DONE = {
    "forgotten": "The update was discarded.",
    "next": "This is what the box starts next time.",
}
"""What has just been done, by the word in the page's address."""


def said(words: str) -> str:
    """A text of provisioning in the visitor's language; what comes from outside stays."""
    if words.startswith(NO_UPDATER):
        rest = words.removeprefix(NO_UPDATER)
        return (spoken().of(NO_UPDATER) or NO_UPDATER) + rest
    return spoken().of(words) or words
