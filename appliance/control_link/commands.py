"""Commands, from control to leg; each carries an ``id`` and is answered by one `events.Reply`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from appliance.control_link.base import IceServer, Message, Mid, Sdp, SessionId
from appliance.control_link.words import Audience, CheckKind, EndReason, Lamp, Party


class Command(Message):
    """Common to all commands: the number that the reply repeats."""

    id: int


class Join(Command):
    """Make a leg, gate closed. The reply's ``sdp`` is our offer, or our answer to ``offer``.

    With ``speaks_apart`` it listens only, and the gate may be prepared all the same: it opens
    once a second connection, made by `Speak`, is up.

    With ``again`` it takes the place of the connection that this session had. The gate is closed
    before anything else, and stays so until packets come over the fresh one.
    """

    type: Literal["join"] = "join"
    session_id: SessionId
    direction: Literal["sendrecv", "recvonly"] = "sendrecv"
    ice_servers: list[IceServer] = Field(default_factory=list)
    offer: Sdp | None = None
    speaks_apart: bool = False
    again: bool = False


class Speak(Command):
    """Make the connection that only speaks. The reply's ``sdp`` is our offer. One that is there
    already is closed first.
    """

    type: Literal["speak"] = "speak"
    session_id: SessionId
    ice_servers: list[IceServer] = Field(default_factory=list)


class Answer(Command):
    """The platform's answer to our offer. When ``speaking``, to that of `Speak`: the reply comes
    when that connection is up.
    """

    type: Literal["answer"] = "answer"
    session_id: SessionId
    sdp: Sdp
    speaking: bool = False


class Place(Command):
    """Who is on which audio line, by its ``mid``, so that they can be heard from different sides.
    Sent again when that changes; a line that is not told of is heard from the middle.
    """

    type: Literal["place"] = "place"
    session_id: SessionId
    parties: Annotated[dict[Mid, Party], Field(max_length=16)]


class PrepareGate(Command):
    """Start the microphone for an un-mute that a person asked for elsewhere than at the button.

    The gate goes to ``opening`` and back to ``closed`` after 2 s without `OpenGate`. The reply's
    ``epoch`` is the one to open with. Idempotent while opening. With *epoch* it is refused
    (``stale``) once the gate was closed since, for whom an open one is to be heard by may change
    without anybody asking for a closed one.
    """

    type: Literal["prepare_gate"] = "prepare_gate"
    session_id: SessionId
    epoch: int | None = None


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


class Announce(Command):
    """A call that somebody at the box watches for has begun: earcon, and the status lamp for some
    seconds. Refused (``busy``) but for an idle leg and one that listens with its gate closed.
    """

    type: Literal["announce"] = "announce"


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


class BeginCheck(Command):
    """A person wants to see headset or panel at work. In idle only, else refused (``busy``).

    The headset's opens the microphone, with its lamp lit, for 30 s at most: `CheckLevel` tells how
    loud it is, and nothing else is made of it. During the panel's each press is a `CheckPressed`
    and does nothing, for two minutes at most. It ends at once with a join, when control goes, and
    the headset's with any press and when the headset goes. A check that runs gives way.
    """

    type: Literal["begin_check"] = "begin_check"
    kind: CheckKind


class EndCheck(Command):
    """End the check, if one runs. Always succeeds."""

    type: Literal["end_check"] = "end_check"


class PlayTone(Command):
    """A tone in the ear, in idle only, else refused (``busy``, ``headset_lost``)."""

    type: Literal["play_tone"] = "play_tone"


class LightLamp(Command):
    """Have a lamp blink quickly while the panel is checked, or none; else refused (``no_check``).

    Never steady, for that has a meaning.
    """

    type: Literal["light_lamp"] = "light_lamp"
    lamp: Lamp | None = None


class ListHeadsets(Command):
    """Which headsets are plugged in; the reply's ``headsets`` says."""

    type: Literal["list_headsets"] = "list_headsets"


class Renew(Command):
    """Begin anew with what was chosen since: the process ends in good order and is started again.
    Refused (``busy``) in a call and in a self-test.
    """

    type: Literal["renew"] = "renew"


class ShowRecovery(Command):
    """Both buttons were held, and control lets a password be set anew: both lamps blink quickly.

    In idle only, else refused (``busy``). It ends when it is switched off, with a call, when
    control goes, and after six minutes at most.
    """

    type: Literal["show_recovery"] = "show_recovery"
    on: bool


AnyCommand = Annotated[
    Join
    | Speak
    | Answer
    | Place
    | PrepareGate
    | OpenGate
    | RefuseGate
    | CloseGate
    | HangUp
    | RefuseJoin
    | Announce
    | SetVolume
    | AckPresses
    | Ping
    | SelfTest
    | BeginCheck
    | EndCheck
    | PlayTone
    | LightLamp
    | ListHeadsets
    | Renew
    | ShowRecovery,
    Field(discriminator="type"),
]
any_command: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)
