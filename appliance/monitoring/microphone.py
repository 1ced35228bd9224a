"""The microphone's two ends kept equal: the leg's gate, and whom the platform lets hear it.

Muting goes to the gate at once and to the platform afterwards. Un-muting asks gate, audit log and
platform side by side, and opens the gate when all three agree. Un-mutes are served one after the
other by one task; whatever order presses and requests come in, that task ends by making the
platform agree with the gate: closed gate, nobody; and a gate that nobody consented to is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from appliance.control_link.client import LegError
from appliance.control_link.commands import CloseGate, OpenGate, RefuseGate
from appliance.control_link.events import GateChanged
from appliance.control_link.words import Audience, Gate
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.agreement import Agreement
from appliance.monitoring.asks import BUTTON, Ask, Asks, overtaken
from appliance.monitoring.audit import Entry
from appliance.monitoring.barges import close_span, open_span
from appliance.monitoring.consent import Consent
from appliance.monitoring.desk import Desk
from appliance.monitoring.policy import Account, Refusal, RefusedError, unmute_refusal
from appliance.monitoring.session import Session
from appliance.monitoring.session_machine import Event, State
from appliance.monitoring.torn import NOT_OPENED
from appliance.service.errors import BargeboxError
from appliance.service.tasks import deadly_task, die, stop_tasks

log = logging.getLogger(__name__)

REPORT_S = 1.0
"""How long the leg's report may come after its reply."""


class Microphone:
    """Mutes and un-mutes the desk's session."""

    def __init__(
        self, desk: Desk, accounts: Accounts, *, on_death: Callable[[str], None] = die
    ) -> None:
        self._desk = desk
        self._consents = Consent(desk, accounts)
        self._on_death = on_death
        self._asks = Asks()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._agreement = Agreement(desk, self.settle_soon)

    def start(self) -> None:
        """Begin to serve."""
        self._task = deadly_task(self._run(), "microphone", on_death=self._on_death)

    async def stop(self) -> None:
        """Stop serving; the gate stays as it is."""
        await stop_tasks(self._task)
        self._agreement.stop()
        self._asks.overtake()

    def adopt(self, session: Session) -> None:
        """Take over a session whose audience on the platform a former life has set."""
        self._agreement.adopt(session)

    def settle_soon(self) -> None:
        """Look again whether platform and gate agree."""
        self._wake.set()

    def leg_is_met(self) -> None:
        """It may have missed that somebody muted."""
        self._agreement.insist()

    # -- what people and the button ask

    async def mute(self, session: Session, by: str) -> None:
        """Close the gate now. Raises `LegUnreachableError` when the leg cannot be told.

        Even then the platform is told to let nobody hear, and the leg is asked again until it has
        closed, by the next life too: that somebody asked is on record.
        """
        news = not session.silencing or by != session.muted_by
        if news and (session.gate is not Gate.CLOSED or self._asks.any_open):
            self._desk.audit.note(self._entry(session, by, "mute_asked"))
        session.closings += 1
        session.silencing = True
        session.muted_by = by
        self._asks.overtake()
        try:
            await self._desk.link.request(lambda n: CloseGate(id=n, session_id=session.id))
        finally:
            self.settle_soon()
        await self._desk.until(lambda: session.gate is Gate.CLOSED, REPORT_S)

    async def unmute(
        self,
        session: Session,
        account: Account,
        audience: Audience,
        via: str,
        *,
        only_live: bool = False,
    ) -> None:
        """Open the gate for *audience*; returns when it is open, or raises why it is not.

        With *only_live* one that is open already is to be heard by *audience*: where it was closed
        meanwhile, by whatever, or somebody asked to close it, it stays so (``stale``).
        """
        if only_live and (session.gate is not Gate.OPEN or session.silencing):
            raise overtaken()
        ask = Ask(session, account, audience, via, only=session.epoch if only_live else None)
        self._asks.add(ask)
        self.settle_soon()
        await ask.done

    async def stay_open(self, session: Session) -> None:
        """Take over a gate that a former life opened, with everybody's consent. Raises why not.

        Only as it is: prepared anew, one that was muted this moment would open unasked. And none
        that somebody asked to mute.
        """
        if session.silencing:
            raise overtaken()
        ask = Ask(session, session.owner, session.audience, "resume", session.epoch)
        self._asks.add(ask)
        self.settle_soon()
        await ask.done

    def account_is(self, account: Account) -> None:
        """The owner's account as it is now: what it may no more opens no gate."""
        self._asks.narrow(account)

    def unmute_asked(self, session: Session, epoch: int) -> None:
        """The button asks, which is the owner asking."""
        self._asks.add(Ask(session, session.owner, session.audience, BUTTON, epoch, begun=True))
        self.settle_soon()

    # -- what the leg reports

    def gate_moved(self, session: Session, moved: GateChanged) -> None:
        """Take the gate's truth over: state, barge spans and record follow it."""
        was_open = session.gate is Gate.OPEN
        session.gate = moved.gate
        session.epoch = moved.epoch
        if session.ending is None:
            if moved.gate is Gate.OPEN:
                self._opened(session, moved.audience)
            elif was_open:
                self._closed(session, moved.cause)
        if moved.gate is Gate.CLOSED:
            session.silencing = False
        self.settle_soon()

    def _opened(self, session: Session, audience: Audience) -> None:
        desk = self._desk
        session.opened_epoch = session.epoch
        session.audience = audience
        if not desk.machine.allows(Event.GATE_OPENED):
            log.error("the gate opened while %s; closing it", desk.machine.state)
            self._agreement.close_gate(session)
            return
        desk.machine.fire(Event.GATE_OPENED)
        session.barged_in = True
        session.went_live(desk.settings.barge_limit_s)
        now = datetime.now(UTC)
        open_span(session.barges, now, audience)
        desk.write_down(desk.history.barge(session.id, now, audience), "barge")

    def _closed(self, session: Session, cause: str) -> None:
        desk = self._desk
        session.live_since = session.live_until = None
        desk.machine.fire(Event.GATE_CLOSED)
        # Of our own orders only those that a person asked for bear a person's name.
        by = {"button": session.owner.name, "control": session.muted_by or "bargebox"}
        session.muted_by = None
        desk.audit.note(self._entry(session, by.get(cause, "bargebox"), "mute", cause=cause))
        now = datetime.now(UTC)
        close_span(session.barges, now)
        desk.write_down(desk.history.barge(session.id, now, None), "end of barge")

    # -- the one task

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._asks:
                await self._serve(self._asks.take())
            await self._agreement.settle()

    async def _serve(self, ask: Ask) -> None:
        try:
            self._check(ask)
            await self._consent(ask)
            await self._open(ask)
        except BargeboxError as fault:
            await self._refuse(ask, fault)
            ask.answer(fault)
        except asyncio.CancelledError:
            self._note_refusal(ask, "stopped")
            ask.answer(RefusedError("The box restarts. Try again in a moment.", code="failed"))
            raise
        else:
            ask.answer(None)

    async def _consent(self, ask: Ask) -> None:
        """Prepare the gate while the record is written and the platform asked."""
        session = ask.session
        session.silencing = False
        if session.gate is not Gate.OPEN:  # else its closing is still to be told, and by whom
            session.muted_by = None
        ask.begun = True
        self._agreement.asks(session)
        entry = self._entry(
            session, ask.account.name, "unmute", audience=ask.audience.value, via=ask.via
        )
        await self._consents.obtain(ask, entry)
        self._agreement.consents(ask.audience)

    async def _open(self, ask: Ask) -> None:
        self._check(ask)
        session, epoch, audience = ask.session, ask.epoch or 0, ask.audience
        ask.consented = True
        await self._desk.link.request(
            lambda n: OpenGate(id=n, session_id=session.id, epoch=epoch, audience=audience)
        )
        await self._desk.until(
            lambda: session.opened_epoch >= epoch and session.audience is audience, REPORT_S
        )

    def _check(self, ask: Ask) -> None:
        """Raise why this wish is void: ended, muted or withdrawn since, or not permitted."""
        desk, session = self._desk, ask.session
        if desk.session is not session or session.ending is not None:
            raise RefusedError("The session has ended.", code="no_session")
        if ask.overtaken:
            raise overtaken()
        refusal = unmute_refusal(
            ask.account, session.owner.name, ask.audience, desk.driver.capabilities
        )
        if refusal is None and desk.machine.state not in {State.LISTENING, State.LIVE}:
            words = f"The call is {desk.machine.state}. Unmute when you hear it."
            refusal = Refusal("not_listening", words)
        if refusal is not None:
            raise RefusedError.because(refusal)

    async def _refuse(self, ask: Ask, fault: BargeboxError) -> None:
        session = ask.session
        desk = self._desk
        if isinstance(fault, LegError):
            ask.consented = False  # the leg says itself that it did not open
        self._note_refusal(ask, fault.code)
        log.info("unmute refused: %s (%s)", fault.detail, fault.code)
        if not ask.begun or session.ending is not None or desk.session is not session:
            return
        epoch = ask.epoch
        if isinstance(fault, LegError) and fault.code == "stale":
            return  # it is closed, or opening for another wish
        if epoch is None:
            await desk.tell_leg(lambda n: CloseGate(id=n, session_id=session.id))
        else:
            await desk.tell_leg(lambda n: RefuseGate(id=n, session_id=session.id, epoch=epoch))

    def _note_refusal(self, ask: Ask, code: str) -> None:
        """For the record, with what is known of the gate: `torn` goes by it."""
        told = {"opened": NOT_OPENED} if ask.begun and not ask.consented else {}
        entry = self._entry(
            ask.session, ask.account.name, "unmute_refused", code=code, via=ask.via, **told
        )
        self._desk.audit.note(entry)

    @staticmethod
    def _entry(session: Session, actor: str, action: str, **detail: str) -> Entry:
        return Entry(actor, action, session.id, session.interaction.id, detail)
