"""A leg process without headset and media that speaks the real control link on a real socket."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from appliance.control_link.commands import (
    AckPresses,
    Announce,
    Answer,
    AnyCommand,
    CloseGate,
    HangUp,
    Join,
    OpenGate,
    Ping,
    PrepareGate,
    RefuseGate,
    RefuseJoin,
    SelfTest,
    SetVolume,
)
from appliance.control_link.events import (
    CallChanged,
    GateChanged,
    HeadsetChanged,
    Pressed,
    Reply,
    Snapshot,
    UnmuteRequested,
)
from appliance.control_link.states import (
    CallState,
    CheckResult,
    EndedCall,
    HeadsetState,
    Lamps,
    Press,
)
from appliance.control_link.words import Action, Audience, Button, EndReason, Gate, Media
from tests.support.fake_link import FakeLink, RefusalError


@dataclass
class Call:
    """What the leg knows of its call."""

    session_id: str
    media: Media = Media.CONNECTING
    gate: Gate = Gate.CLOSED
    audience: Audience = Audience.EVERYONE


@dataclass
class FakeLeg(FakeLink):
    """The gate behaves as the real one: each closing begins a new epoch, stale consent is void."""

    leg_id: str = "leg-1"
    connects: bool = True
    """Whether media connects as soon as the answer is there."""
    frame_after_s: float = 0.0
    """How long the microphone takes to its first frame."""
    call: Call | None = None
    last_ended: EndedCall | None = None
    headset: HeadsetState = field(default_factory=lambda: HeadsetState(present=True, name="Fake"))
    presses: list[Press] = field(default_factory=list)
    ear: list[str] = field(default_factory=list)
    """What was to be heard."""
    epoch: int = 0
    volume: int = 50
    _number: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    # -- what a person or the network does

    def press_microphone(self) -> None:
        """Toggle, as the button does."""
        call = self.call
        if call is None:
            self._press(Button.MICROPHONE, Action.IGNORED)
        elif call.gate is not Gate.CLOSED:
            opened = call.gate is Gate.OPEN
            self._close("button")
            self._press(Button.MICROPHONE, Action.MUTED if opened else Action.UNMUTE_CANCELLED)
        elif call.media is not Media.CONNECTED or self._channel is None:
            self._press(Button.MICROPHONE, Action.UNMUTE_REFUSED)
        else:
            epoch = self._prepare("button")
            self._press(Button.MICROPHONE, Action.UNMUTE_ASKED)
            self.emit(UnmuteRequested(session_id=call.session_id, epoch=epoch))

    def press_hang_up(self) -> None:
        """Leave, as the button does."""
        self._press(Button.HANG_UP, Action.HUNG_UP if self.call else Action.IGNORED)
        self.end(EndReason.HUNG_UP)

    def hold_hang_up(self) -> None:
        """Held on: the next interaction."""
        self._press(Button.HANG_UP, Action.NEXT_ASKED)

    def end(self, reason: EndReason) -> None:
        """The leg ends by itself."""
        if self.call is None:
            return
        call = self.call
        self._close("end")
        self.call = None
        self.epoch += 1
        self.last_ended = EndedCall(session_id=call.session_id, reason=reason, at=time.monotonic())
        self.ear.append(reason.value)
        self.emit(CallChanged(session_id=call.session_id, media=Media.ENDED, reason=reason))

    def media(self, media: Media) -> None:
        """Packets stop or come again."""
        assert self.call is not None
        self.call.media = media
        self.emit(CallChanged(session_id=self.call.session_id, media=media))
        if media is not Media.CONNECTED:
            self._close("media")

    def plug(self, present: bool) -> None:
        """The headset goes or comes."""
        if not present:
            self._close("headset")
        self.headset = HeadsetState(present=present, name="Fake" if present else "")
        self.emit(HeadsetChanged(headset=self.headset))

    # -- the gate

    def _prepare(self, cause: str) -> int:
        assert self.call is not None
        if self.call.gate is Gate.CLOSED:
            self._move(Gate.OPENING, cause)
        return self.epoch

    def _close(self, cause: str, epoch: int | None = None) -> None:
        if self.call is None or self.call.gate is Gate.CLOSED:
            return
        if epoch is None or epoch == self.epoch:
            self.epoch += 1
            self._move(Gate.CLOSED, cause)

    def _move(self, gate: Gate, cause: str) -> None:
        call = self.call
        assert call is not None
        call.gate = gate
        self._moved.set()
        self.emit(
            GateChanged(
                session_id=call.session_id,
                gate=gate,
                audience=call.audience,
                epoch=self.epoch,
                cause=cause,
                at=time.monotonic(),
            )
        )

    async def _open(self, command: OpenGate) -> None:
        call = self._in_call(command.session_id)
        if command.epoch != self.epoch or call.gate is Gate.CLOSED:
            raise RefusalError("stale")
        if self.frame_after_s and call.gate is Gate.OPENING:
            await asyncio.sleep(self.frame_after_s)
            if command.epoch != self.epoch or self.call is not call:
                raise RefusalError("stale")
        if call.gate is Gate.OPEN and call.audience is command.audience:
            return
        call.audience = command.audience
        self._move(Gate.OPEN, "control")

    # -- what the link asks for

    def snapshot(self) -> Snapshot:
        """All that a control process that connects is told."""
        call = self.call and CallState(
            session_id=self.call.session_id,
            media=self.call.media,
            gate=self.call.gate,
            audience=self.call.audience,
            epoch=self.epoch,
        )
        return Snapshot(
            leg_id=self.leg_id,
            board="virtual",
            call=call,
            last_ended=self.last_ended,
            headset=self.headset,
            lamps=Lamps(),
            volume=self.volume,
            presses=self.presses,
        )

    async def carry_out(self, command: AnyCommand) -> Reply:
        """As the real leg does, at once."""
        reply = Reply(id=command.id)
        match command:
            case Join(session_id=session_id, again=True):
                self._in_call(session_id)
                self.media(Media.LOST)
                reply = Reply(id=command.id, sdp=f"offer of {session_id}, again")
            case Join(session_id=session_id):
                if self.call is not None:
                    raise RefusalError("busy")
                self.call = Call(session_id)
                self.epoch += 1
                reply = Reply(id=command.id, sdp=f"offer of {session_id}")
            case Answer(session_id=session_id):
                self._in_call(session_id)
                if self.connects:
                    self.media(Media.CONNECTED)
            case PrepareGate(session_id=session_id, epoch=only):
                call = self._in_call(session_id)
                if call.media is not Media.CONNECTED:
                    raise RefusalError("not_in_call")
                if only is not None and (only != self.epoch or call.gate is Gate.CLOSED):
                    raise RefusalError("stale")
                reply = Reply(id=command.id, epoch=self._prepare("control"))
            case OpenGate():
                await self._open(command)
            case RefuseGate(epoch=epoch):
                if self.call is not None and epoch == self.epoch:
                    self.ear.append("refused")
                self._close("refused", epoch)
            case CloseGate(session_id=session_id):
                if self.call is not None and self.call.session_id == session_id:
                    self._close("control")
            case HangUp(session_id=session_id, reason=reason):
                if self.call is not None and self.call.session_id == session_id:
                    self.end(reason)
            case RefuseJoin(reason=reason):
                self.ear.append(reason.value)
            case Announce():
                self.ear.append("watched")
            case SetVolume(percent=percent):
                self.volume = percent
            case AckPresses(through=through):
                self.presses = [press for press in self.presses if press.number > through]
            case SelfTest():
                report = [CheckResult(name="headset", passed=True, detail="present")]
                reply = Reply(id=command.id, report=report)
            case Ping():
                pass
        return reply

    def _in_call(self, session_id: str) -> Call:
        if self.call is None or self.call.session_id != session_id:
            raise RefusalError("no_such_call")
        return self.call

    def _press(self, button: Button, action: Action) -> None:
        self._number += 1
        session_id = self.call.session_id if self.call else None
        press = Press(
            number=self._number,
            at=time.monotonic(),
            button=button,
            action=action,
            session_id=session_id,
        )
        self.presses.append(press)
        self.emit(Pressed(press=press))
