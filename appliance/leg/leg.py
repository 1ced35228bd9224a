"""The leg: gate, uplink, downlink and call put together. Commands and buttons both end here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

from appliance.audio.headset import PlaybackSource
from appliance.audio.levels import SILENCE_DBFS
from appliance.control_link.base import IceServer, Message
from appliance.control_link.commands import Join
from appliance.control_link.events import CallChanged, GateChanged
from appliance.control_link.states import CallState, EndedCall, HeadsetState
from appliance.control_link.words import Audience, CheckEnd, EndReason, Gate, Media, Party
from appliance.leg.announcement import Announcement, RecoveryLamps
from appliance.leg.aside import Aside
from appliance.leg.call import Call, CallError
from appliance.leg.checks import Checks
from appliance.leg.consent import Consent
from appliance.leg.cues import ended
from appliance.leg.ear.downlink import Downlink
from appliance.leg.gate import MicrophoneGate
from appliance.leg.indicators import Indicators, Phase, Trouble
from appliance.leg.meters import Meters, remind
from appliance.leg.ports import HeadsetPort, LampPort
from appliance.leg.settings import LegSettings
from appliance.leg.uplink.track import UplinkTrack
from appliance.leg.uplink.uplink import Uplink
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)


class Leg:
    """At most one call. Methods run on the loop unless they say otherwise.

    *emit(event)* takes every event for control; it may be called from the loop only.
    *playback_ms* is how much sound the headset keeps waiting.
    """

    def __init__(
        self,
        settings: LegSettings,
        panel: LampPort,
        make_headset: Callable[[PlaybackSource, Callable[[HeadsetState], None]], HeadsetPort],
        emit: Callable[[Message], None],
        lamps_changed: Callable[[], None],
        playback_ms: float = 0.0,
    ) -> None:
        self._settings = settings
        self._playback_ms = playback_ms
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self.downlink = Downlink(settings)
        self.indicators = Indicators(panel, self.downlink.play, lamps_changed)
        self._announcement = Announcement(self.indicators)
        self.aside = Aside()
        self._recovery = RecoveryLamps(self.indicators, self.aside)
        self.gate = MicrophoneGate(
            self.indicators.show_gate, self._capture, lambda: self._soon(self._drain_gate)
        )
        self._uplink = Uplink(self.gate, settings)
        self.headset = make_headset(self.downlink, lambda s: self._soon(self._headset_changed, s))
        self.checks = Checks(
            self.headset,
            self.indicators,
            play=self.downlink.play,
            emit=emit,
            soon=self._soon,
            busy=self._busy,
            aside=self.aside,
        )
        self.call: Call | None = None
        self.testing = False
        self._stopped = False
        self.last_ended: EndedCall | None = None
        self.consent = Consent(
            self.gate,
            settings.consent_timeout_s,
            play=self.downlink.play,
            flush=self._uplink.flush,
            soon=self._soon,
            has_headset=lambda: self.headset.state.present,
        )
        self._closing: set[asyncio.Task[None]] = set()
        self._running: list[asyncio.Task[None]] = []

    def _soon(self, act: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *arguments)

    def _busy(self) -> str:
        """Why nothing but a call can be begun now."""
        if self.call is not None:
            return "A call is being monitored. Leave it first."
        if self.testing:
            return "The self-test is running. Try again in a moment."
        return "The box is stopping." if self._stopped else ""

    def start(self) -> None:
        """Idle and ready."""
        meters = Meters(call=lambda: self.call, levels=self._levels, emit=self._emit)
        reminder = remind(
            lambda: self.gate.state, self.downlink.play, self._settings.live_reminder_s
        )
        self._running = [
            deadly_task(meters.run(), "levels and quality"),
            deadly_task(reminder, "reminder"),
        ]
        self._show_phase()

    async def stop(self) -> None:
        """Mute, end the call, wait for what is still closing. No call begins after this."""
        self._stopped = True
        self._announcement.forget()
        self._recovery.show(False)
        self.gate.disarm("end")
        await self.checks.stop()
        if self.call is not None:
            self.end(self.call.session_id, EndReason.FAILED)
        await asyncio.gather(*self._closing, return_exceptions=True)
        await stop_tasks(*self._running)

    # -- the call

    async def join(self, command: Join) -> str:
        """Begin a call, or connect it again, gate closed; returns our session description."""
        if command.again:
            return await self._join_again(command)
        if self.call is not None:
            raise CallError(
                f"the leg is in session {self.call.session_id} already; hang up first", code="busy"
            )
        if self.testing:
            raise CallError("the self-test is running; try again in a moment", code="busy")
        if self._stopped:
            raise CallError("the leg is stopping", code="busy")
        self._recovery.show(False)
        self.checks.end(CheckEnd.CALL)  # its microphone is closed before there is a leg
        # Before anything is awaited, so that no second call or self-test begins meanwhile, and
        # the hang-up button ends this one.
        voice_lost = partial(self.gate.withdraw, "media")
        self.call = call = Call(
            command,
            self._make_track,
            self._settings,
            self._media_changed,
            voice_lost,
            self._playback_ms,
        )
        self._show_phase()
        with ExitStack() as undo:
            undo.callback(self.end, call.session_id, EndReason.FAILED)
            sdp = await self._describe(call)
            undo.pop_all()
        return sdp

    async def _join_again(self, command: Join) -> str:
        """A fresh connection in the same call. Raises `CallError`, `PeerError`; it stays lost."""
        call = self.in_call(command.session_id)
        if call.media is Media.CONNECTING:
            raise CallError("this call is being joined already", code="busy")
        return await call.renew(command)

    def _make_track(self) -> UplinkTrack:
        return UplinkTrack(self.gate, self._uplink)

    async def _describe(self, call: Call) -> str:
        if self._closing:
            # The old leg's packets must have stopped before the new one's begin. Not gather,
            # which would pass a cancellation on to what must be closed.
            await asyncio.wait(self._closing)
        sdp = await call.describe() if self.call is call else ""
        if self.call is not call:
            raise CallError(f"session {call.session_id} was ended while it was being joined")
        return sdp

    async def accept(self, session_id: str, sdp: str, *, speaking: bool = False) -> None:
        """The platform's answer. Raises `PeerError` when it cannot be used."""
        call = self.in_call(session_id)
        await (call.accept_speaking(sdp) if speaking else call.accept(sdp))

    async def speak(self, session_id: str, ice_servers: list[IceServer]) -> str:
        """Our offer of a connection that only speaks. Consent that was given is void, an open gate
        closed; one that waits for consent waits on, since it may be consent to this connection.
        """
        call = self.in_call(session_id)
        self.gate.withdraw("control")
        return await call.speak(ice_servers)

    def in_call(self, session_id: str) -> Call:
        """The call of this session. Raises `CallError` when the leg is not in it."""
        if self.call is None or self.call.session_id != session_id:
            raise CallError(f"the leg is not in session {session_id}")
        return self.call

    def place(self, session_id: str, parties: dict[str, Party]) -> None:
        """Who is on which line of the call, by mid."""
        call = self.in_call(session_id)
        call.parties = parties
        if call.media is Media.CONNECTED:
            call.play(self.downlink)

    def end(self, session_id: str, reason: EndReason) -> bool:
        """Hang up our own leg; false when it has ended already."""
        if self.call is None or self.call.session_id != session_id:
            return False
        self._finish(self.call, reason)
        return True

    def _finish(self, call: Call, reason: EndReason) -> None:
        self.gate.disarm("end")
        self.call = None
        self.last_ended = EndedCall(session_id=call.session_id, reason=reason, at=time.monotonic())
        self.downlink.disconnect()
        self.downlink.play(ended(reason))
        closing = asyncio.create_task(call.close(), name=f"closing {call.session_id}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        self._show_phase()
        log.info("session ended: %s", reason, extra={"SESSION_ID": call.session_id, "CODE": reason})
        self._emit(CallChanged(session_id=call.session_id, media=Media.ENDED, reason=reason))

    def _media_changed(self, media: Media, reason: EndReason | None) -> None:
        call = self.call
        if call is None:
            return
        if media is Media.ENDED:
            self._finish(call, reason or EndReason.FAILED)
            return
        if media is Media.CONNECTED:
            call.play(self.downlink)
            if call.may_arm:  # else the lamp would say live and nobody would hear
                self.gate.arm(call.session_id)
        else:
            self.gate.disarm("media")
        self._show_phase()
        self._emit(CallChanged(session_id=call.session_id, media=media))

    def _show_phase(self) -> None:
        phases = {
            Media.CONNECTING: Phase.JOINING,
            Media.CONNECTED: Phase.LISTENING,
            Media.INTERRUPTED: Phase.RECONNECTING,
            Media.LOST: Phase.RECONNECTING,
        }
        self.indicators.show_phase(phases[self.call.media] if self.call else Phase.IDLE)

    def call_state(self) -> CallState | None:
        """For the snapshot."""
        if self.call is None:
            return None
        return CallState(
            session_id=self.call.session_id,
            media=self.call.media,
            gate=self.gate.state,
            audience=self.gate.audience,
            epoch=self.gate.epoch,
        )

    def announce(self) -> None:
        """A watched call has begun: earcon, and the status lamp for some seconds.

        Raises `CallError` (``busy``) while something else is to be heard and seen.
        """
        if self.testing or self.checks.running or not self._announcement.make():
            raise CallError("the box has something else to say now", code="busy")

    def show_recovery(self, on: bool) -> None:
        """Both lamps tell that a password can be set anew at the box, or no more.

        Raises `CallError` (``busy``) in a call.
        """
        if on and (self.call is not None or self.testing or self._stopped):
            raise CallError("the box is busy; a password is set anew in idle only", code="busy")
        self._recovery.show(on)

    # -- the microphone

    async def open(self, session_id: str, epoch: int, audience: Audience) -> None:
        """Consent is given. Raises what `Consent.give` does, and `CallError`."""
        call = self.in_call(session_id)
        await self.consent.give(epoch, audience, may_send=call.may_send)

    def close_gate(self, session_id: str, cause: str = "control") -> None:
        """Mute now."""
        if self.call is not None and self.call.session_id == session_id:
            self.gate.close(cause)

    def _capture(self, on: bool) -> None:
        if on:
            self.headset.start_capture(self._uplink)
        else:
            self.headset.stop_capture()
            self._uplink.flush()

    def _drain_gate(self) -> None:
        self.downlink.set_live(self.gate.state is not Gate.CLOSED)
        for moved in self.gate.transitions():
            self.consent.settle(moved)
            self._emit(GateChanged(**asdict(moved)))

    def _headset_changed(self, state: HeadsetState) -> None:
        # Asked now, not taken from the message: a later stream may run already.
        deaf = self.gate.state is Gate.OPEN and not self.headset.state.capturing
        if deaf or not state.present:
            self.gate.close("headset")
        if not self.headset.state.present:
            self.checks.headset_gone()
        self.indicators.show_trouble(Trouble.HEADSET, there=not state.present)

    def _levels(self) -> tuple[float, float]:
        plays = self.headset.state.playing
        return self.downlink.level if plays else SILENCE_DBFS, self._uplink.level
