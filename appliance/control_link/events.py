"""Events, from leg to control: a `Snapshot` first on every connection, then changes and replies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from appliance.control_link.base import Detail, Message, Sdp
from appliance.control_link.quality import Rating, SessionQuality
from appliance.control_link.states import (
    CallState,
    CheckResult,
    EndedCall,
    HeadsetFound,
    HeadsetState,
    Lamps,
    LegChoice,
    Press,
)
from appliance.control_link.words import (
    Audience,
    Button,
    CheckEnd,
    CheckKind,
    EndReason,
    Gate,
    Media,
)


class Reply(Message):
    """The answer to a command: ``ok``, or ``code`` and ``detail``."""

    type: Literal["reply"] = "reply"
    id: int
    ok: bool = True
    code: str | None = None
    detail: Detail | None = None
    sdp: Sdp | None = None
    epoch: int | None = None
    report: list[CheckResult] | None = None
    headsets: list[HeadsetFound] | None = None


class Snapshot(Message):
    """Everything, first on every connection. ``leg_id`` is new with every leg process."""

    type: Literal["snapshot"] = "snapshot"
    leg_id: str
    board: str
    call: CallState | None
    last_ended: EndedCall | None
    headset: HeadsetState
    lamps: Lamps
    volume: int
    presses: list[Press]
    chosen: LegChoice | None = None


class CallChanged(Message):
    """The media connection changed; with ``ended`` comes the reason."""

    type: Literal["call_changed"] = "call_changed"
    session_id: str
    media: Media
    reason: EndReason | None = None


class GateChanged(Message):
    """The gate moved. ``cause`` says by what: button, control, headset, media, timeout, end."""

    type: Literal["gate_changed"] = "gate_changed"
    session_id: str
    gate: Gate
    audience: Audience
    epoch: int
    cause: str
    at: float


class UnmuteRequested(Message):
    """The microphone button asks for consent; answered by `OpenGate` or `RefuseGate`."""

    type: Literal["unmute_requested"] = "unmute_requested"
    session_id: str
    epoch: int


class Pressed(Message):
    """A button was pressed and this is what it did."""

    type: Literal["pressed"] = "pressed"
    press: Press


class HeadsetChanged(Message):
    """The headset came, went, or changed its streams."""

    type: Literal["headset_changed"] = "headset_changed"
    headset: HeadsetState


class LampsChanged(Message):
    """A lamp shows another pattern."""

    type: Literal["lamps_changed"] = "lamps_changed"
    lamps: Lamps


class Levels(Message):
    """Loudness in dBFS over the last 100 ms; −100 is silence. Sent ten times a second in a call."""

    type: Literal["levels"] = "levels"
    session_id: str
    downlink: float
    uplink: float


class Quality(Message):
    """Once a second in a call: the downlink's figures over that second, and counts since the start
    of the call. Times in ms. Null is what cannot be known, such as without packets (on hold).
    """

    type: Literal["quality"] = "quality"
    session_id: str
    received: int
    """Packets since the start of the call, as `lost`, `concealed_ms` and `sent`."""
    lost: int
    concealed_ms: int
    jitter_ms: float
    """Interarrival jitter (RFC 3550 section 6.4.1)."""
    delay_ms: float
    """How much sound waited in the jitter buffer, mean of the last second."""
    sent: int
    lost_percent: float | None = None
    """Packets that did not come, of those that should have, in the last second."""
    concealed_percent: float | None = None
    """Time that was made up or recovered from a copy, in the last second."""
    stretched_percent: float | None = None
    """Time left out or said twice to follow the network's delay, in the last second."""
    round_trip_ms: float | None = None
    """From RTCP (RFC 3550 section 6.4.1); null where we send nothing, or nobody reports."""
    mouth_to_ear_ms: float | None = None
    """Packet, codec, half the round trip where known, jitter buffer and headset together."""
    mos: float | None = None
    """1.0 to 4.5, estimated by the E-model (ITU-T G.107.1)."""
    rating: Rating | None = None
    """`mos` in a word."""
    session: SessionQuality = SessionQuality()
    """All seconds so far."""


class CheckChanged(Message):
    """A check began (``kind``) or is over (``end`` says why)."""

    type: Literal["check_changed"] = "check_changed"
    kind: CheckKind | None = None
    end: CheckEnd | None = None


class CheckLevel(Message):
    """Ten times a second while the headset is checked: how loud the microphone is, in dBFS."""

    type: Literal["check_level"] = "check_level"
    level: float


class CheckPressed(Message):
    """A button was pressed while the panel is checked, and did nothing else."""

    type: Literal["check_pressed"] = "check_pressed"
    button: Button


AnyEvent = Annotated[
    Reply
    | Snapshot
    | CallChanged
    | GateChanged
    | UnmuteRequested
    | Pressed
    | HeadsetChanged
    | LampsChanged
    | Levels
    | Quality
    | CheckChanged
    | CheckLevel
    | CheckPressed,
    Field(discriminator="type"),
]
any_event: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
