"""What the leg process reports, brought to the part that it concerns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from appliance.control_link.commands import RefuseGate
from appliance.control_link.events import (
    AnyEvent,
    CallChanged,
    CheckChanged,
    CheckLevel,
    CheckPressed,
    GateChanged,
    HeadsetChanged,
    LampsChanged,
    Levels,
    Pressed,
    Quality,
    Reply,
    Snapshot,
    UnmuteRequested,
)
from appliance.control_link.states import Press
from appliance.control_link.words import Action, EndReason, Media
from appliance.monitoring.checks import Checks
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.leg_media import media_moved
from appliance.monitoring.leg_renewal import LegRenewal
from appliance.monitoring.microphone import Microphone
from appliance.monitoring.presses import Presses
from appliance.monitoring.reconnect import Reconnecting
from appliance.monitoring.recovery import Recovery

log = logging.getLogger(__name__)


class LegEvents:
    """Synchronous; called by the link on the loop. *next_call* is asked for by the panel."""

    def __init__(
        self,
        desk: Desk,
        endings: Endings,
        microphone: Microphone,
        presses: Presses,
        recovery: Recovery,
        reconnecting: Reconnecting,
        next_call: Callable[[], None],
        checks: Checks,
        renewal: LegRenewal,
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._microphone = microphone
        self._presses = presses
        self._recovery = recovery
        self._reconnecting = reconnecting
        self._next_call = next_call
        self._checks = checks
        self._renewal = renewal

    def connected(self, connected: bool) -> None:
        """The link came up or went down."""
        self._device(leg_connected=connected)
        if not connected:
            self._checks.leg_gone()
        self._desk.publish()

    def take(self, event: AnyEvent) -> None:
        """One event."""
        match event:
            case Levels() | Quality():
                self._measured(event)
                return
            case CheckChanged() | CheckLevel() | CheckPressed():
                self._checks.take(event)
                return
            case Snapshot():
                self._met(event)
            case CallChanged():
                self._call_changed(event)
            case GateChanged():
                self._gate_changed(event)
            case UnmuteRequested():
                self._unmute_requested(event)
            case Pressed(press=press):
                self._pressed(press)
            case HeadsetChanged(headset=headset):
                self._device(headset=headset)
            case LampsChanged(lamps=lamps):
                self._device(lamps=lamps)
            case Reply():
                log.debug("a reply to nobody: %d", event.id)
        self._desk.publish()

    def _measured(self, event: Levels | Quality) -> None:
        session = self._desk.running(event.session_id)
        if session is None:
            return
        session.measured(event)
        if session.curve_is_due():
            self._desk.keep_curve(session)
        self._desk.tell(event)

    def _met(self, snapshot: Snapshot) -> None:
        self._device(
            leg_id=snapshot.leg_id,
            board=snapshot.board,
            headset=snapshot.headset,
            lamps=snapshot.lamps,
            volume=snapshot.volume,
        )
        self._recovery.meet(snapshot)
        self._renewal.meet(snapshot)

    def _call_changed(self, event: CallChanged) -> None:
        session = self._desk.running(event.session_id)
        if session is None:
            return
        if event.media is Media.ENDED:
            reason = event.reason or EndReason.FAILED
            by = session.owner.name if reason is EndReason.HUNG_UP else "bargebox"
            self._endings.end(session, reason, by=by, leg_gone=True)
        else:
            media_moved(self._desk, session, event.media)
            if event.media is Media.LOST:
                self._reconnecting.begin(session)

    def _gate_changed(self, event: GateChanged) -> None:
        session = self._desk.session
        if session is not None and session.id == event.session_id:
            self._microphone.gate_moved(session, event)

    def _unmute_requested(self, event: UnmuteRequested) -> None:
        session = self._desk.running(event.session_id)
        if session is not None:
            self._microphone.unmute_asked(session, event.epoch)
            return

        async def refuse() -> None:
            await self._desk.tell_leg(
                lambda n: RefuseGate(id=n, session_id=event.session_id, epoch=event.epoch)
            )

        self._desk.jobs.spawn(refuse(), "refuse gate")

    def _pressed(self, press: Press) -> None:
        if press.action is Action.NEXT_ASKED:
            if press.session_id is None and self._desk.last_session is not None:
                # The press left the call and the hold asks for the next: it is its owner's.
                press = press.model_copy(update={"session_id": self._desk.last_session.id})
            self._next_call()
        self._presses.take(self._desk.device.leg_id, [press])
        for heard in self._desk.press_listeners:
            heard(press)

    def _device(self, **changes: object) -> None:
        """Take changed fields of the device over and tell."""
        self._desk.device = replace(self._desk.device, **changes)  # type: ignore[arg-type]
        self._desk.tell(self._desk.device)
