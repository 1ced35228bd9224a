"""The leg's states, as its events tell them: headset, lamps, call, presses, self-test."""

from __future__ import annotations

from appliance.control_link.base import Message
from appliance.control_link.words import (
    Action,
    Audience,
    Button,
    EndReason,
    Gate,
    LampPattern,
    Media,
)


class CheckResult(Message):
    """One line of a self-test."""

    name: str
    passed: bool
    detail: str


class Press(Message):
    """A press at the panel, numbered so that none is lost while control was away."""

    number: int
    at: float
    button: Button
    action: Action
    session_id: str | None = None


class HeadsetState(Message):
    """``capturing`` follows the microphone stream itself, ``present`` the device. ``underruns``:
    how often playback ran dry since the leg's start, told at most once a second.
    """

    present: bool = False
    name: str = ""
    capturing: bool = False
    playing: bool = False
    detail: str = ""
    underruns: int = 0


class Lamps(Message):
    """The patterns that the lamps show now."""

    microphone: LampPattern = LampPattern.OFF
    status: LampPattern = LampPattern.SLOW_BLINK


class HeadsetFound(Message):
    """A headset that is plugged in, by its name and by how it is chosen."""

    name: str
    choice: str


class LegChoice(Message):
    """What the leg was started with of that which the page may choose otherwise."""

    board: str
    headset: str
    push_to_talk: bool


class CallState(Message):
    """The leg's call, if there is one."""

    session_id: str
    media: Media
    gate: Gate
    audience: Audience
    epoch: int


class EndedCall(Message):
    """The last call that ended, kept for a control process that was away."""

    session_id: str
    reason: EndReason
    at: float
