"""Words of the page: plain, short, the same in Python and in the browser.

What the tables hold is in the catalogue, and is translated where it is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime

from babel.numbers import format_decimal

from appliance.console.language import later, spoken, translated
from appliance.control_link.quality import SessionQuality
from appliance.monitoring.reasons import WORDS

REFUSALS = {
    "not_permitted": "You may not monitor",
    "no_monitoring_object": "Flow has no Silent Monitoring",
    "monitoring_disabled": "Silent Monitoring is off",
    "own_call": "Your own call",
    "platform_lost": "Platform not reachable",
    "busy": "Box is busy",
    "call_ended": "Call has ended",
    "agent_ended": "Call has ended",
    "customer_ended": "Call has ended",
    "headset_lost": "No headset",
}
"""Why an interaction cannot be monitored now."""

STATES = {
    "ringing": "Ringing",
    "in-conversation": "In conversation",
    "on-hold": "On hold",
    "transferring": "Being transferred",
    "ended": "Ended",
}
"""Presence state of an interaction."""

ENDINGS = {
    "hung_up": "Supervisor left",
    "agent_ended": "Agent ended the call",
    "customer_ended": "Customer ended the call",
    "call_ended": "Call ended",
    "removed": "Removed by the platform",
    "not_permitted": "Not permitted",
    "no_monitoring_object": "Flow has no Silent Monitoring",
    "monitoring_disabled": "Silent Monitoring is off",
    "own_call": "Own call",
    "platform_lost": "Platform lost",
    "media_lost": "No sound",
    "headset_lost": "Headset lost",
    "control_lost": "Control process away",
    "failed": "Failed",
}
"""How a session of the past ended, for those who read its record."""

LANES = {
    "everyone": "Heard by agent and customer",
    "agent": "Heard by the agent only",
    "muted": "Muted: heard by nobody",
}
"""The lanes of a session's picture."""

LAMPS = {
    "off": "off",
    "on": "steady on",
    "short_blink": "blinking shortly",
    "slow_blink": "blinking slowly",
    "slow_breathe": "breathing slowly",
    "fast_double_blink": "blinking twice, fast",
    "quick_blink": "blinking quickly",
}
"""Lamp patterns."""

PLATFORMS = {
    "sandbox": ("Sandbox", "A contact centre to try the box with, with calls that speak."),
    "asterisk": ("Asterisk", "Asterisk 20 or newer, with ARI and SIP over WebSocket."),
    "janus": ("Janus", "Calls in rooms of Janus 1: VideoRoom and AudioBridge."),
    "cxengage": ("CxEngage", "A tenant of CxEngage, with an account of the box's own."),
}
"""Call platforms: their names, and what each is."""

SETTING_GROUPS = {
    "sip": "SIP extension",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "access": "Sign-in at the switch (802.1X)",
    "site": "Before and during a call",
    "headset": "Headset",
    "panel": "Buttons and lamps",
}
"""Settings that belong together."""

CHOICES = {
    "ari": "ARI",
    "chanspy": "ChanSpy, and AMI for the list",
    "whisper": "Whisper",
    "bridge": "The call's bridge",
    "sendrecv": "Listen and speak",
    "recvonly": "Listen only",
    "dhcp": "DHCP",
    "automatic": "Automatic",
    "static": "Static",
    "off": "Off",
    "tls": "Certificate (EAP-TLS)",
    "peap": "Password (PEAP with MSCHAPv2)",
}
"""Values of settings that are words of a protocol."""

DEVICE_STATES = {
    "connected": "Connected",
    "connecting": "Connecting …",
    "no_cable": "No cable",
    "off": "Not connected",
    "failed": "Could not connect",
}
"""States of a network device."""

DEVICE_KINDS = {
    "wired": "Cable",
    "wifi": "Wi-Fi",
    "vlan": "VLAN",
}
"""Kinds of network devices."""
PROBLEMS = {
    "account_busy": "Somebody else uses the box's account at the call platform.",
    "audit_unwritable": "The audit log cannot be written, so nobody can join or speak.",
    "busy": "The box is busy. Try again in a moment.",
    "failed": "That did not work. Try again.",
    "foreign_origin": "This request does not come from the box's page.",
    "headset_lost": "The headset is not plugged in.",
    "invalid_account": "This name or this password will not do.",
    "invalid_input": "Something in it is not right.",
    "leg_unreachable": "The headset process is not running. Wait a moment and try again.",
    "no_check": "Begin the check of the panel first.",
    "no_session": "No call is being monitored.",
    "not_connected": "The platform takes no sound from this leg.",
    "not_found": "There is no such thing here; it may have ended.",
    "not_listening": "You can speak once you hear the call.",
    "not_permitted": "Your account may not do this. Ask an administrator for the permission.",
    "not_supported": "This platform offers no way to do that.",
    "other_call": "Another call is being monitored by now.",
    "panel_fault": "The panel does not answer.",
    "platform_file": "What was chosen on the page cannot be saved.",
    "sign_in_refused": "The name or the password is not right.",
    "stale": "Somebody muted meanwhile.",
    "store_failed": "The box's store cannot be read or written.",
    "too_many_attempts": "Too many attempts. Wait a moment.",
    "too_many_clients": "Too many open pages. Close one and try again.",
}
"""What went wrong, by its code: said in a language that the box's own detail is not in."""

SOUND = {
    "mos": "MOS {value}",
    "lost_percent": "{value} % lost",
}
"""How a session sounded."""

_TERMS = {
    "ami": "AMI",
    "api": "API",
    "ca": "CA",
    "dns": "DNS",
    "id": "ID",
    "ntp": "NTP",
    "pin": "PIN",
    "sip": "SIP",
    "sqs": "SQS",
    "tls": "TLS",
    "ttl": "lifetime",
    "url": "address",
    "vlan": "VLAN",
    "urls": "addresses",
    "ws": "WebSocket",
}
"""What parts of settings' names are called."""


def platform(driver: str) -> str:
    """A platform's name for people."""
    return translated(PLATFORMS.get(driver, (driver, ""))[0])


SETTINGS = {
    "confirmation": "Text to confirm",
    "ask_reason": "Ask for a reason",
    "barge_limit_s": "Time limit of a barge",
    "history_shown": "Ended sessions on the list",
    "audit_keep_days": "Days that the audit log is kept",
    "choice": "Headset",
}
"""Settings whose own name says too little."""


def setting(name: str) -> str:
    """A setting's name for people: ``ws_url`` is *WebSocket address*."""
    if name in SETTINGS:
        return translated(SETTINGS[name])
    words = " ".join(_TERMS.get(part, part) for part in name.split("_"))
    return translated(words[:1].upper() + words[1:])


def for_browser() -> dict[str, dict[str, str]]:
    """The tables as the page's script reads them."""
    tables = {"refusals": REFUSALS, "states": STATES, "lamps": LAMPS, "sound": SOUND}
    found = {
        name: {code: translated(text) for code, text in table.items()}
        for name, table in tables.items()
    }
    # In English the box says itself why a session ended, and often more than that.
    if spoken().code != "en":
        found["ends"] = {reason.value: translated(text) for reason, text in WORDS.items()}
    return found


def label(state: str) -> str:
    """Presence state in words."""
    return translated(STATES.get(state, state))


def refusal(code: str | None) -> str:
    """Why an interaction cannot be monitored, in words."""
    return translated(REFUSALS.get(code or "", later("Cannot be monitored now")))


def ending(reason: str | None) -> str:
    """How a session ended, in short."""
    return ENDINGS.get(reason or "", later("Unknown"))


def level(dbfs: float | None) -> str:
    """Loudness for people; the meters begin at -60 too."""
    if dbfs is None:
        return "–"
    return translated(later("silent")) if dbfs <= -60 else f"{dbfs:.0f} dB".replace("-", "−")


def sound(quality: SessionQuality) -> str:
    """How a session sounded, in short: *MOS 4.2 · 0.3 % lost*."""
    values = ((words, getattr(quality, name)) for name, words in SOUND.items())
    return " · ".join(
        translated(words).format(value=decimal(value))
        for words, value in values
        if value is not None
    )


def decimal(value: float) -> str:
    """With one decimal, as it is written in the visitor's language: *4.2*, *4,2*."""
    return format_decimal(value, "0.0", locale=spoken().code)


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and ``Z`` (RFC 3339)."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def utc(moment: datetime) -> str:
    """Date and time in UTC, until the page's script knows the reader's zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def elapsed(moment: datetime, now: datetime) -> str:
    """``m:ss`` or ``h:mm:ss`` since *moment*."""
    return clock((now - moment).total_seconds())


def clock(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
