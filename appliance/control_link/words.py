"""The words both processes share: end reasons, audiences, gate and lamp states."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """Why a monitoring session ended, or why it was refused."""

    HUNG_UP = "hung_up"
    AGENT_ENDED = "agent_ended"
    CUSTOMER_ENDED = "customer_ended"
    CALL_ENDED = "call_ended"
    REMOVED = "removed"
    NOT_PERMITTED = "not_permitted"
    NO_MONITORING_OBJECT = "no_monitoring_object"
    MONITORING_DISABLED = "monitoring_disabled"
    OWN_CALL = "own_call"
    PLATFORM_LOST = "platform_lost"
    MEDIA_LOST = "media_lost"
    HEADSET_LOST = "headset_lost"
    CONTROL_LOST = "control_lost"
    FAILED = "failed"


class Audience(StrEnum):
    """Who hears the supervisor while the gate is open."""

    EVERYONE = "everyone"
    AGENT = "agent"


class Party(StrEnum):
    """Whose voice an audio line brings, where the platform has one for each."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Gate(StrEnum):
    """The one place in the uplink; ``opening`` waits for consent or the first captured frame."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"


class Media(StrEnum):
    """The leg's media connection; ``interrupted`` means packets stopped arriving for a while,
    ``lost`` that they stay away or the connection broke: it waits for a fresh one.
    """

    CONNECTING = "connecting"
    CONNECTED = "connected"
    INTERRUPTED = "interrupted"
    LOST = "lost"
    ENDED = "ended"


class LampPattern(StrEnum):
    """What a lamp shows; the table in the design says when."""

    OFF = "off"
    ON = "on"
    SHORT_BLINK = "short_blink"
    SLOW_BLINK = "slow_blink"
    SLOW_BREATHE = "slow_breathe"
    FAST_DOUBLE_BLINK = "fast_double_blink"
    QUICK_BLINK = "quick_blink"


class Lamp(StrEnum):
    """The two lamps of the panel."""

    MICROPHONE = "microphone"
    STATUS = "status"


class CheckKind(StrEnum):
    """What a person looks at in idle: whether headset and panel do as they should."""

    HEADSET = "headset"
    PANEL = "panel"


class CheckEnd(StrEnum):
    """Why a check ended."""

    ASKED = "asked"
    TIME = "time"
    CALL = "call"
    CONTROL = "control"
    BUTTON = "button"
    HEADSET = "headset"


class Button(StrEnum):
    """The two buttons of the panel (a headset's own keys count as the same two)."""

    MICROPHONE = "microphone"
    HANG_UP = "hang_up"


class Action(StrEnum):
    """What a button press did, as the audit log tells it."""

    MUTED = "muted"
    UNMUTE_ASKED = "unmute_asked"
    UNMUTE_CANCELLED = "unmute_cancelled"
    UNMUTE_REFUSED = "unmute_refused"
    HUNG_UP = "hung_up"
    NEXT_ASKED = "next_asked"
    PROVISIONING_ASKED = "provisioning_asked"
    IGNORED = "ignored"
