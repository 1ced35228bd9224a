"""The monitoring service: one silent leg at a time, between driver, leg process, store and page.

It decides nothing itself: policy decides, the session machine keeps the state, and the parts
(`join`, `microphone`, `endings`, `recovery`, `watch`) each do one thing at the shared `Desk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from appliance.control_link.client import LegError, LegLink, LegUnreachableError
from appliance.control_link.commands import ListHeadsets, SelfTest, SetVolume, ShowRecovery
from appliance.control_link.states import CheckResult, HeadsetFound, LegChoice, Press
from appliance.control_link.words import Audience, EndReason
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.alerts import Alerts
from appliance.monitoring.audit import Audit
from appliance.monitoring.audit_care import AuditCare
from appliance.monitoring.checks import Checks
from appliance.monitoring.closing import Closing
from appliance.monitoring.desk import Desk, Listener
from appliance.monitoring.endings import Endings
from appliance.monitoring.history import History
from appliance.monitoring.interactions import InteractionBook
from appliance.monitoring.join import Joining
from appliance.monitoring.leg_events import LegEvents
from appliance.monitoring.leg_renewal import LegRenewal
from appliance.monitoring.microphone import Microphone
from appliance.monitoring.next_call import NextCall
from appliance.monitoring.owner import Owner
from appliance.monitoring.platform_events import PlatformEvents
from appliance.monitoring.policy import Account, RefusedError, silence_refusal, unmute_refusal
from appliance.monitoring.presses import Presses
from appliance.monitoring.reconnect import Reconnecting
from appliance.monitoring.recovery import Recovery
from appliance.monitoring.session import DeviceView, MonitoringView, Session
from appliance.monitoring.session_machine import State
from appliance.monitoring.settings import MonitoringSettings
from appliance.monitoring.store import Store
from appliance.monitoring.terms import NOTHING_GIVEN, Given, Terms
from appliance.monitoring.watch import Watch
from appliance.monitoring.watches import Watches
from appliance.platforms.protocol import Driver
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, die, stop_tasks

READY_LIMIT_S = 5.0
TIDY_LIMIT_S = 3.0
RESTART_LIMIT_S = 0.5
"""What is under way gets this long at a restart; the next life finishes the rest."""
SELF_TEST_LIMIT_S = 30.0


class MonitoringService:
    """Monitors for the whole box. All methods run on one event loop.

    ``book`` is the list of interactions, ``audit`` and ``history`` are for reading, ``watches``
    are what people want to be told of, ``terms`` what the site asks before each call, ``checks``
    let a person try headset and panel.
    """

    def __init__(
        self,
        settings: MonitoringSettings,
        driver: Driver,
        socket: Path,
        store: Store,
        accounts: Accounts,
        *,
        leg_choice: LegChoice | None = None,
        on_death: Callable[[str], None] = die,
    ) -> None:
        self.book = InteractionBook(driver.name, remembered=settings.history_shown)
        self.audit = Audit(store, on_death=on_death)
        self._care = AuditCare(settings, self.audit, on_death=on_death)
        self.history = History(store)
        self.watches = Watches(driver.name, store, self.audit)
        self.terms = Terms.of(settings)
        self._on_death = on_death
        self._jobs = Jobs(on_death=on_death)
        link = LegLink(
            socket,
            lambda event: self._leg_events.take(event),
            lambda connected: self._leg_events.connected(connected),
            on_death=on_death,
        )
        self._desk = desk = Desk(
            settings, driver, link, self.audit, self.history, self.book, self._jobs
        )
        self.checks = Checks(desk)
        self._endings = Endings(desk)
        self._joining = Joining(desk, self._endings)
        self._next_call = NextCall(desk, self._endings, self._joining, accounts, self.terms)
        self._microphone = Microphone(desk, accounts, on_death=on_death)
        self._presses = Presses(desk)
        self._reconnecting = Reconnecting(desk, self._endings, accounts)
        self._recovery = Recovery(
            desk, self._endings, self._microphone, self._presses, accounts, self._reconnecting
        )
        self._closing = Closing(desk, self._recovery)
        self._leg_events = LegEvents(
            desk,
            self._endings,
            self._microphone,
            self._presses,
            self._recovery,
            self._reconnecting,
            self._next_call.ask,
            self.checks,
            LegRenewal(desk, leg_choice),
        )
        self._alerts = Alerts(desk, self.watches, accounts)
        owner = Owner(desk, self._endings, self._microphone, accounts)
        self._platform_events = PlatformEvents(
            desk, self._endings, self._reconnecting, self._alerts, owner
        )
        self._watch = Watch(
            desk, self._endings, self._microphone, self._presses, self._recovery, owner
        )
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up what a former life left, then connect. Raises `StoreError`."""
        records, _ = await self.history.page(per_page=max(1, self._desk.settings.history_shown))
        self.book.recall(reversed(records))
        await self._recovery.load()
        await self.watches.load()
        self.audit.start()
        self._care.start()
        self._microphone.start()
        kept = frozenset(leg.handle for leg in await self.history.open_legs())
        await self._desk.driver.start(self._platform_events.take, kept)
        self._desk.link.start()
        works = {"monitoring watch": self._watch.run(), "watched calls": self._alerts.run()}
        self._watching = [
            deadly_task(work, name, on_death=self._on_death) for name, work in works.items()
        ]

    async def stop(self, *, leave_call: bool = False) -> None:
        """Stop, by default without touching the call: the next life takes it up again.

        A call that is still being joined is given up. With *leave_call* any call is left.
        """
        session = self._desk.running()
        if session is not None and (leave_call or self._desk.machine.state is State.JOINING):
            self._endings.end(session, EndReason.CONTROL_LOST)
        elif session is not None:
            self._desk.keep_curve(session)
        await stop_tasks(*self._watching)
        await self._jobs.finish(TIDY_LIMIT_S if leave_call else RESTART_LIMIT_S)
        await self._presses.write(now=True)
        await self._microphone.stop()
        await self._desk.link.stop()
        await self._desk.driver.stop()
        await self._jobs.finish(RESTART_LIMIT_S)
        await self.audit.stop()
        await self._care.stop()

    # -- what is shown

    def current(self) -> MonitoringView:
        """The session now, or idle."""
        return self._desk.view()

    def device(self) -> DeviceView:
        """The box as the leg process reports it."""
        return self._desk.device

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with every change, on the loop, at once; returns how to stop that.

        It gets a whole `MonitoringView`, `DeviceView` or `CheckView`, the leg's `Levels` and
        `Quality`, or an `Alert` for one account. It must neither block nor raise.
        """
        self._desk.listeners.append(listener)
        return lambda: self._desk.listeners.remove(listener)

    def listen_presses(self, listener: Callable[[Press], None]) -> Callable[[], None]:
        """Call *listener* with each press of the box's buttons as it happens, as `listen` does."""
        self._desk.press_listeners.append(listener)
        return lambda: self._desk.press_listeners.remove(listener)

    # -- what people do

    async def monitor(
        self, account: Account, interaction_id: str, given: Given = NOTHING_GIVEN
    ) -> MonitoringView:
        """Join silently, *given* what the site's `terms` ask for; returns when the call is heard.

        Raises `BargeboxError`.

        Codes: an end reason's, ``not_found``, ``busy``, ``audit_unwritable``,
        ``leg_unreachable``, ``reason_needed``, ``confirmation_needed``, or the platform's own.
        """
        await self._ready()
        await self._joining.monitor(account, interaction_id, given)
        return self.current()

    async def monitor_next(self, account: Account, given: Given = NOTHING_GIVEN) -> MonitoringView:
        """Leave the call, if there is one, and join the next of *account*'s last list silently.

        Raises as `monitor` does, and ``no_next``, which leaves nothing.
        """
        await self._ready()
        await self._next_call.join(account, given)
        return self.current()

    async def set_microphone(
        self,
        account: Account,
        muted: bool,
        audience: Audience | None = None,
        *,
        only_live: bool = False,
        session_id: str | None = None,
    ) -> MonitoringView:
        """Barge in, coach, or mute. Muting with an audience chooses it for the next press. With
        *only_live* who is heard already is heard by *audience*, and who is not stays muted. With
        *session_id* nobody is heard in another session than the one that was meant.

        Raises `BargeboxError`: ``no_session``, ``other_call``, ``not_permitted``,
        ``not_supported``, ``not_listening``, ``stale`` (muted meanwhile), ``audit_unwritable``,
        ``leg_unreachable``, ``headset_lost``, ``busy``, or the platform's own.
        """
        session = self._session()
        if muted:
            self._permit_silence(account, session)
            await self._microphone.mute(session, account.name)
            if audience is not None and account.name == session.owner.name:
                self._choose(session, audience)
        else:
            if session_id not in (None, session.id):
                raise RefusedError("Another call is being monitored by now.", code="other_call")
            await self._microphone.unmute(
                session, account, audience or session.audience, "page", only_live=only_live
            )
        return self.current()

    async def hang_up(self, account: Account) -> None:
        """Leave; the customer's call goes on. Raises ``no_session``, ``not_permitted``."""
        session = self._session()
        self._permit_silence(account, session)
        words = "" if account.name == session.owner.name else _left_by(account)
        self._endings.end(session, EndReason.HUNG_UP, detail=words, by=account.name)
        await self._desk.until(lambda: self._desk.session is not session, TIDY_LIMIT_S)

    def announce(self, account: str) -> None:
        """Have the box say that a call began that *account*, who is there, watches for."""
        self._alerts.announce(account)

    async def set_volume(self, percent: int) -> None:
        """Set the downlink volume, 0 to 100. Raises `LegError`, `LegUnreachableError`."""
        await self._desk.link.request(lambda n: SetVolume(id=n, percent=percent))
        self._desk.device = replace(self._desk.device, volume=percent)
        self._desk.tell(self._desk.device)

    async def show_recovery(self, on: bool) -> None:
        """Both lamps tell that a password can be set anew. Raises `LegError` (in a call),
        `LegUnreachableError`.
        """
        await self._desk.link.request(lambda n: ShowRecovery(id=n, on=on))

    async def self_test(self) -> list[CheckResult]:
        """Check headset and panel. Raises `LegError` (in a call), `LegUnreachableError`."""
        reply = await self._desk.link.request(lambda n: SelfTest(id=n), limit_s=SELF_TEST_LIMIT_S)
        return reply.report or []

    async def headsets(self) -> list[HeadsetFound]:
        """Those that are plugged in; none while the leg is away."""
        try:
            reply = await self._desk.link.request(lambda n: ListHeadsets(id=n))
        except (LegError, LegUnreachableError):
            return []
        return reply.headsets or []

    async def close(self) -> Callable[[], None]:
        """Let nobody join until what this returns is called; others may have closed it as well.

        Raises ``busy`` while a call is monitored, or one of a former life may still be.
        """
        return await self._closing.close()

    # -- inside

    async def _ready(self) -> None:
        await self._desk.until(
            lambda: self._recovery.met and self._desk.link.connected, READY_LIMIT_S
        )
        if not self._desk.link.connected:
            raise LegUnreachableError(
                "The headset process is not running. Wait a moment and try again."
            )

    def _session(self) -> Session:
        session = self._desk.running()
        if session is None:
            raise RefusedError("No call is being monitored.", code="no_session")
        return session

    def _permit_silence(self, account: Account, session: Session) -> None:
        refusal = silence_refusal(account, session.owner.name)
        if refusal is not None:
            raise RefusedError.because(refusal)

    def _choose(self, session: Session, audience: Audience) -> None:
        refusal = unmute_refusal(
            session.owner, session.owner.name, audience, self._desk.driver.capabilities
        )
        if refusal is None:  # and if not, then what was asked for, to mute, is done all the same
            session.audience = audience
            self._desk.publish()


def _left_by(account: Account) -> str:
    """What the owner reads when somebody else hung up."""
    return f"{account.name} ended the monitoring. The call goes on."
