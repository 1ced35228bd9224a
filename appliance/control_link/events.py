"""Events, from leg to control: a `Snapshot` first on every connection, then changes and replies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from appliance.control_link.base import Detail, Message, Sdp
from appliance.control_link.states import (
    CallState,
    CheckResult,
    EndedCall,
    HeadsetState,
    Lamps,
    Press,
)
from appliance.control_link.words import Audience, EndReason, Gate, Media


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
    """Once a second in a call: counts since the start of the leg, times in ms."""

    type: Literal["quality"] = "quality"
    session_id: str
    received: int
    lost: int
    concealed_ms: int
    jitter_ms: float
    delay_ms: float
    sent: int


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
    | Quality,
    Field(discriminator="type"),
]
any_event: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
