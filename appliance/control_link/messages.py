"""Messages of the control link: newline-delimited JSON, one object a line, ``type`` tells which.

Commands go from control to leg; each carries an ``id`` and is answered by one `Reply`.
Events go from leg to control: a `Snapshot` first on every connection, then changes.
Times are seconds of the machine's monotonic clock (``time.monotonic``), levels are dBFS.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from appliance.control_link.words import (
    Action,
    Audience,
    Button,
    EndReason,
    Gate,
    LampPattern,
    Media,
)

MAX_LINE = 256 * 1024
"""Bytes a line may have; a longer one closes the link."""

SessionId = Annotated[str, Field(min_length=1, max_length=64)]
Sdp = Annotated[str, Field(min_length=1, max_length=64 * 1024)]
Detail = Annotated[str, Field(max_length=500)]


class Message(BaseModel):
    """Common form: unknown fields are refused, so that the two sides cannot drift silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IceServer(Message):
    """One STUN or TURN server (RFC 8489, RFC 8656)."""

    urls: list[Annotated[str, Field(max_length=300)]]
    username: str | None = None
    credential: str | None = None


# -- commands: control → leg


class Command(Message):
    """Common to all commands: the number that the reply repeats."""

    id: int


class Join(Command):
    """Make a leg, gate closed. The reply's ``sdp`` is our offer, or our answer to ``offer``."""

    type: Literal["join"] = "join"
    session_id: SessionId
    direction: Literal["sendrecv", "recvonly"] = "sendrecv"
    ice_servers: list[IceServer] = []
    offer: Sdp | None = None


class Answer(Command):
    """The platform's answer to our offer."""

    type: Literal["answer"] = "answer"
    session_id: SessionId
    sdp: Sdp


class PrepareGate(Command):
    """Start the microphone for an un-mute that a person asked for elsewhere than at the button.

    The gate goes to ``opening`` and back to ``closed`` after 2 s without `OpenGate`. The reply's
    ``epoch`` is the one to open with. Idempotent while opening.
    """

    type: Literal["prepare_gate"] = "prepare_gate"
    session_id: SessionId


class OpenGate(Command):
    """The platform and the policy consent. Refused (``stale``) if the gate was closed since.

    The reply comes when the gate is open, that is when the microphone's first frame is there.
    Sent again while open it only changes the audience.
    """

    type: Literal["open_gate"] = "open_gate"
    session_id: SessionId
    epoch: int
    audience: Audience = Audience.EVERYONE


class RefuseGate(Command):
    """The un-mute asked for with this epoch is refused: refusal tone, gate closed."""

    type: Literal["refuse_gate"] = "refuse_gate"
    session_id: SessionId
    epoch: int


class CloseGate(Command):
    """Mute now. Always succeeds."""

    type: Literal["close_gate"] = "close_gate"
    session_id: SessionId


class HangUp(Command):
    """End the leg, with the earcon of the reason. Succeeds also when it has ended already."""

    type: Literal["hang_up"] = "hang_up"
    session_id: SessionId
    reason: EndReason


class RefuseJoin(Command):
    """A monitor was refused before a leg existed: the ear hears the reason."""

    type: Literal["refuse_join"] = "refuse_join"
    reason: EndReason


class SetVolume(Command):
    """Downlink volume, percent of full."""

    type: Literal["set_volume"] = "set_volume"
    percent: Annotated[int, Field(ge=0, le=100)]


class AckPresses(Command):
    """Presses up to this number are in the audit log; the leg may forget them."""

    type: Literal["ack_presses"] = "ack_presses"
    through: int


class Ping(Command):
    """Control is alive. Sent each second; 5 s without any line hang the leg up."""

    type: Literal["ping"] = "ping"


class SelfTest(Command):
    """Check headset and panel; refused in a call. The reply's ``report`` has the result."""

    type: Literal["self_test"] = "self_test"


# -- events: leg → control


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
    """``capturing`` follows the microphone stream itself, ``present`` the device."""

    present: bool = False
    name: str = ""
    capturing: bool = False
    playing: bool = False
    detail: str = ""


class Lamps(Message):
    """The patterns that the lamps show now."""

    microphone: LampPattern = LampPattern.OFF
    status: LampPattern = LampPattern.SLOW_BLINK


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


Reply.model_rebuild()

AnyCommand = Annotated[
    Join
    | Answer
    | PrepareGate
    | OpenGate
    | RefuseGate
    | CloseGate
    | HangUp
    | RefuseJoin
    | SetVolume
    | AckPresses
    | Ping
    | SelfTest,
    Field(discriminator="type"),
]
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
commands: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)
events: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
