"""Taking the leg's truth over: at the first meeting of a new life, and at every reconnection."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from pydantic import JsonValue

from appliance.control_link.commands import HangUp
from appliance.control_link.events import GateChanged, Snapshot
from appliance.control_link.states import CallState, Press
from appliance.control_link.words import EndReason, Gate, Media
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Entry
from appliance.monitoring.barges import close_span, is_heard, muting_press, open_span
from appliance.monitoring.curve import Curve
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.history import BargeSpan, SessionRecord
from appliance.monitoring.leg_media import media_moved
from appliance.monitoring.microphone import Microphone
from appliance.monitoring.moments import moment
from appliance.monitoring.policy import Account, is_own_call
from appliance.monitoring.presses import Presses
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.reconnect import Reconnecting
from appliance.monitoring.session import Ending, Session
from appliance.monitoring.session_leg import SessionLeg
from appliance.monitoring.session_machine import Event
from appliance.monitoring.torn import mended, muted_by, was_reconnecting
from appliance.platforms.protocol import Monitor, PlatformError
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

RETRY_S = 0.5
NOT_OUTLIVED = (
    "The connection to the call did not outlive a restart of the box's control process. Join again."
)
LEG_DIED = "The headset process restarted, so the call was left. Join again."


class Recovery:
    """Brings the desk in line with what the leg and the platform still have."""

    def __init__(
        self,
        desk: Desk,
        endings: Endings,
        microphone: Microphone,
        presses: Presses,
        accounts: Accounts,
        reconnecting: Reconnecting,
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._microphone = microphone
        self._presses = presses
        self._accounts = accounts
        self._reconnecting = reconnecting
        self._torn: list[tuple[SessionRecord, Account | None]] = []
        self._curves: dict[str, Curve] = {}
        """Of the torn-off sessions, as far as the former life wrote them down."""
        self._ended_before: dict[str, EndReason] = {}
        self._muted_by: dict[str, str | None] = {}
        """Who asked to mute the torn-off sessions last, whether the leg has taken it or not."""
        self._without_leg: set[str] = set()
        """Sessions for which the former life was making a fresh leg."""
        self.met = False
        """Whether the torn-off sessions of a former life are dealt with."""

    async def load(self) -> None:
        """Read what a former life left behind, before the leg is met. Raises `StoreError`."""
        for torn in await self._desk.history.running():
            rows = await self._desk.audit.of_session(torn.id)
            record, ending = mended(torn, rows)
            if was_reconnecting(rows):
                self._without_leg.add(record.id)
            if ending is None:
                self._muted_by[record.id] = muted_by(rows)
                self._curves[record.id] = await self._desk.history.curve(record.id) or Curve()
                self._torn.append((record, await self._accounts.get(record.supervisor)))
            else:
                self._ended_before[record.id] = ending.reason
                self._close_record(record, ending, list(record.barges))
        for leg in await self._desk.history.open_legs():
            ended = await self._desk.history.get(leg.session_id)
            if ended is not None and ended.end_reason is not None:
                self._ended_before[ended.id] = ended.end_reason

    def meet(self, snapshot: Snapshot) -> None:
        """Take a connection's snapshot over."""
        desk, call = self._desk, snapshot.call
        self._presses.take(snapshot.leg_id, snapshot.presses)
        if not self.met and call is not None:
            self._take_up(call, snapshot.presses)
        session = desk.session
        if session is not None and session.ending is None:
            self._compare(session, snapshot)
        if call is not None and (session is None or session.id != call.session_id):
            self._send_home(call)
        if not self.met:
            self.close_torn(snapshot)
        desk.publish()

    def close_torn(self, snapshot: Snapshot | None) -> None:
        """Close what is left of a former life; without a snapshot the leg never showed up."""
        desk = self._desk
        self.met = True
        ended = snapshot.last_ended if snapshot else None
        for record, _ in self._torn:
            presses = snapshot.presses if snapshot else []
            if ended is not None and ended.session_id == record.id:
                self._close(record, ended.reason, moment(ended.at), presses)
            else:
                self._close(record, EndReason.CONTROL_LOST, datetime.now(UTC), presses)
        self._torn.clear()
        desk.jobs.spawn(self._endings.sweep(), "leftover legs")

    def _close(
        self, record: SessionRecord, reason: EndReason, at: datetime, presses: list[Press]
    ) -> None:
        desk, ending = self._desk, Ending(record.id, reason, reason, WORDS[reason], at)
        barges = list(record.barges)
        self._close_barge(record, barges, presses, at)
        desk.audit.note(
            Entry("bargebox", "ended", record.id, record.interaction.id, {"reason": reason.value})
        )
        self._close_record(record, ending, barges)

    def _close_record(self, record: SessionRecord, ending: Ending, barges: list[BargeSpan]) -> None:
        desk = self._desk
        desk.jobs.spawn(
            self._endings.close_record(ending, record.interaction, barges), "end of a torn-off one"
        )
        desk.book.remember(
            record.interaction,
            Monitor(record.supervisor, bool(record.barges), record.started_at, ending.at),
        )
        if desk.session is None:
            desk.last_end = ending

    def _close_barge(
        self,
        record: SessionRecord,
        barges: list[BargeSpan],
        presses: list[Press],
        at: datetime,
    ) -> None:
        """Put the mute on record that no control process saw: by the button, or *at* the latest."""
        if not barges or barges[-1].ended_at is not None:
            return
        press = muting_press(barges, record.id, presses)
        actor, cause = (
            ("bargebox", "reconnected") if press is None else (record.supervisor, "button")
        )
        at = at if press is None else min(at, moment(press.at))
        close_span(barges, at)
        detail: dict[str, JsonValue] = {"cause": cause}
        self._desk.audit.note(Entry(actor, "mute", record.id, record.interaction.id, detail, at))

    # -- a new life

    def _take_up(self, call: CallState, presses: list[Press]) -> None:
        """Go on with the torn-off session that the leg is still in, in its true state."""
        found = next((item for item in self._torn if item[0].id == call.session_id), None)
        if found is None or call.media in {Media.CONNECTING, Media.ENDED}:
            return
        record, account = found
        if account is None or record.platform != self._desk.driver.name:
            return
        self._torn.remove(found)
        desk = self._desk
        muted = self._muted_by[record.id] if call.gate is not Gate.CLOSED else None
        session = Session(
            account,
            record.interaction,
            record.id,
            record.handle,
            record.started_at,
            media=call.media,
            gate=call.gate,
            epoch=call.epoch,
            audience=call.audience,
            barged_in=bool(record.barges),
            barges=list(record.barges),
            curve=self._curves[record.id],
            reason=record.reason,
            silencing=muted is not None,
            muted_by=muted,
        )
        now = datetime.now(UTC)
        if call.gate is not Gate.OPEN:
            self._close_barge(record, session.barges, presses, now)
        elif not is_heard(session.barges, call.audience):
            open_span(session.barges, now, call.audience)
        # What was mended must outlast this life too.
        so_far = tuple(session.barges)
        desk.write_down(desk.history.replace_barges(session.id, so_far), "barges so far")
        desk.session = session
        desk.machine.fire(Event.JOIN)
        desk.machine.fire(Event.MEDIA_CONNECTED)
        if call.media in {Media.INTERRUPTED, Media.LOST}:
            desk.machine.fire(Event.MEDIA_INTERRUPTED)
        elif call.gate is Gate.OPEN:
            desk.machine.fire(Event.GATE_OPENED)
            session.opened_epoch = call.epoch
            session.went_live(desk.settings.barge_limit_s)
            session.barged_in = True
        self._microphone.adopt(session)
        log.info("session %s of %s taken up again", session.id, account.name)
        session.joining = desk.jobs.spawn(self._resume(session), f"resume {session.id}")

    async def _resume(self, session: Session) -> None:
        desk = self._desk
        if session.gate is not Gate.CLOSED and not await self._presses.write(now=True):
            await self._mute(session)
        desk.audit.note(Entry("bargebox", "resumed", session.id, session.interaction.id))
        give_up = time.monotonic() + desk.settings.platform_lost_after_s
        while session.ending is None:
            try:
                async with asyncio.timeout(desk.settings.platform_request_s):
                    there = await desk.driver.resume(session.handle, SessionLeg(desk, session))
            except (PlatformError, TimeoutError):
                if time.monotonic() > give_up:
                    self._endings.end(session, EndReason.PLATFORM_LOST)
                    return
                await asyncio.sleep(RETRY_S)
                continue
            break
        else:
            return
        listed = desk.book.find(session.interaction.id)
        session.interaction = listed or session.interaction
        if is_own_call(session.owner, session.interaction, desk.driver.name):
            self._endings.end(session, EndReason.OWN_CALL)
        elif session.media is Media.LOST or (session.media is Media.INTERRUPTED and not there):
            self._reconnecting.begin(session)
        elif not there:
            over = desk.book.connection.connected and listed is None
            self._is_not_there(session, over=over)
        else:
            session.ours.set()
            if session.gate is Gate.OPEN:
                await self._consent_again(session)
            else:
                self._microphone.settle_soon()

    def _is_not_there(self, session: Session, *, over: bool) -> None:
        if over:
            self._endings.end(session, EndReason.CALL_ENDED)
        elif session.id in self._without_leg:
            self._reconnecting.leg_is_gone(session, session.handle, EndReason.CONTROL_LOST)
            self._desk.publish()
        else:  # some platforms' legs end with our connection, and the call does not
            self._endings.end(session, EndReason.CONTROL_LOST, detail=NOT_OUTLIVED)

    async def _consent_again(self, session: Session) -> None:
        """An open gate is taken over only with everybody's consent; else it closes."""
        try:
            await self._microphone.stay_open(session)
        except BargeboxError as fault:
            log.warning("the open microphone could not be taken over: %s", fault.detail)
            await self._mute(session)

    async def _mute(self, session: Session) -> None:
        try:
            await self._microphone.mute(session, session.muted_by or "bargebox")
        except BargeboxError as fault:
            log.error("the leg was not told to mute: %s", fault.detail)

    # -- a new connection in the same life

    def _compare(self, session: Session, snapshot: Snapshot) -> None:
        call, ended = snapshot.call, snapshot.last_ended
        if call is not None and call.session_id == session.id:
            if call.media is not session.media:
                media_moved(self._desk, session, call.media)
                if call.media is Media.LOST:
                    self._reconnecting.begin(session)
            if (call.gate, call.epoch) != (session.gate, session.epoch):
                self._microphone.gate_moved(session, _moved(call))
            self._microphone.leg_is_met()
            return
        if ended is not None and ended.session_id == session.id:
            self._endings.end(session, ended.reason, leg_gone=True)
        else:
            self._endings.end(session, EndReason.FAILED, detail=LEG_DIED, leg_gone=True)

    def _send_home(self, call: CallState) -> None:
        """The leg is in a call that is nobody's session any more."""
        desk = self._desk
        reason = EndReason.CONTROL_LOST
        if desk.last_end is not None and desk.last_end.session_id == call.session_id:
            reason = desk.last_end.reason
        reason = self._ended_before.get(call.session_id, reason)

        async def hang_up() -> None:
            await desk.tell_leg(lambda n: HangUp(id=n, session_id=call.session_id, reason=reason))

        desk.jobs.spawn(hang_up(), "hang up an orphan")


def _moved(call: CallState) -> GateChanged:
    """What the gate did while the link was down, as the event that was missed."""
    return GateChanged(
        session_id=call.session_id,
        gate=call.gate,
        audience=call.audience,
        epoch=call.epoch,
        cause="reconnected",
        at=time.monotonic(),
    )
