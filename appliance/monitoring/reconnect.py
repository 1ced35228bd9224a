"""A lost connection made good: a fresh leg on the same call, in the same session, muted.

The old leg is left first, for a platform may take nobody twice; the fresh one is written down
before it is made. Everything that may change meanwhile is asked again: the call, the right to
monitor it, whose call it is.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time

from appliance.control_link.words import EndReason, Media
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.audit import Entry
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.leg_media import give_up
from appliance.monitoring.policy import Refusal, RefusedError, monitor_refusal
from appliance.monitoring.reasons import WORDS, reason_for
from appliance.monitoring.session import Session
from appliance.monitoring.session_leg import SessionLeg
from appliance.monitoring.session_machine import State
from appliance.platforms.protocol import PlatformError
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

PAUSES_S = (0.25, 0.5, 1.0, 2.0)
"""After each try that failed; the last one is repeated."""
SOUND_S = 6.0
"""What the sound may take once the platform has the leg: ICE asks ever more rarely, so that a new
try finds a mended way sooner. All before it may take as long as it may for the first leg."""
APART_S = 1.0
"""From a mended outage to the next fresh leg, at least: flapping makes 60 legs a minute at most."""
TOO_LATE = "The call could not be joined again in time."
SAID_S = 1.0
"""A call that is found to be over waits this long for the platform to say who ended it."""
FINAL = frozenset(
    {
        EndReason.AGENT_ENDED,
        EndReason.CUSTOMER_ENDED,
        EndReason.CALL_ENDED,
        EndReason.REMOVED,
        EndReason.NOT_PERMITTED,
        EndReason.NO_MONITORING_OBJECT,
        EndReason.MONITORING_DISABLED,
        EndReason.OWN_CALL,
    }
)
"""Refusals that no further try can change."""


class Reconnecting:
    """Makes fresh legs for the desk's session."""

    def __init__(self, desk: Desk, endings: Endings, accounts: Accounts) -> None:
        self._desk = desk
        self._endings = endings
        self._accounts = accounts
        self._outage: tuple[Session, float, float] | None = None
        """The last one that was mended: whose, for how long without sound, and until when."""

    def begin(self, session: Session) -> None:
        """The leg says that its connection is lost. Returns at once; tries go on by themselves."""
        if session.ending is None and not session.is_lost:
            desk = self._desk
            session.reconnecting = desk.jobs.spawn(self._run(session), f"reconnect {session.id}")

    def leg_is_gone(self, session: Session, handle: str, reason: EndReason) -> None:
        """The platform gave our leg up for dead, whatever our side of it hears."""
        if self._desk.machine.state is State.JOINING:
            self._endings.end(session, reason)
            return
        log.info("the platform gave leg %s up: %s", handle, reason)
        session.taken_away = handle
        give_up(self._desk, session)
        self.begin(session)

    async def _run(self, session: Session) -> None:
        if session.joining is not None:
            await asyncio.wait({session.joining})
        since, before_s = session.away_since, self._away_before(session)
        limit = since + self._desk.settings.reconnect_limit_s - before_s
        await asyncio.sleep(self._too_soon_s(session))
        why = ""
        for pause_s in itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1])):
            left_s = limit - time.monotonic()
            if left_s <= 0 or session.ending is not None:
                break
            fault = await self._fault_of_one_try(session, left_s)
            if fault is None:
                mended = time.monotonic()
                self._outage = session, before_s + mended - since, mended
                return
            if session.ending is None and not session.ours.is_set():
                give_up(self._desk, session)  # sound that comes now is that of a leg undone
            if fault.detail != why:  # told once, not at each try
                log.warning("session %s is not connected again yet: %s", session.id, fault.detail)
            why = fault.detail
            if (reason := reason_for(fault.code)) in FINAL:
                await self._final(session, reason, fault)
                return
            await asyncio.sleep(min(pause_s, max(0.0, limit - time.monotonic())))
        if session.media is Media.CONNECTED and not self._desk.book.connection.connected:
            self._endings.end(session, EndReason.PLATFORM_LOST)  # nothing is wrong with the sound
            return
        words = WORDS[EndReason.MEDIA_LOST]
        if why:
            words = f"No sound came through, and joining again failed: {why}"
        self._endings.end(session, EndReason.MEDIA_LOST, detail=words)

    def _away_before(self, session: Session) -> float:
        """The seconds without sound that count besides: those of the outage before, less the
        sound since. Who hears more than not stays, and endless flapping ends all the same.
        """
        if self._outage is None or self._outage[0] is not session:
            return 0.0
        _, away_s, mended = self._outage
        return max(0.0, away_s - (session.away_since - mended))

    def _too_soon_s(self, session: Session) -> float:
        if self._outage is None or self._outage[0] is not session:
            return 0.0
        return max(0.0, self._outage[2] + APART_S - time.monotonic())

    async def _final(self, session: Session, reason: EndReason, fault: BargeboxError) -> None:
        if reason is EndReason.CALL_ENDED:
            await self._desk.until(lambda: session.ending is not None, SAID_S)
        self._endings.end(session, reason, code=fault.code, detail=fault.detail)

    # -- one try

    async def _fault_of_one_try(self, session: Session, left_s: float) -> BargeboxError | None:
        try:
            async with asyncio.timeout(left_s):
                await self._try(session)
        except TimeoutError:
            return PlatformError(TOO_LATE)
        except BargeboxError as fault:
            return fault
        return None

    async def _try(self, session: Session) -> None:
        if session.media is Media.CONNECTED and session.ours.is_set():
            log.info("the sound of session %s came back by itself", session.id)
            return
        limit_s = self._desk.settings.join_limit_s
        async with asyncio.timeout(limit_s):
            await self._permit(session)
            give_up(self._desk, session)
            self._desk.publish()
            await self._leave_the_old(session)
        async with asyncio.timeout(limit_s):
            await self._join_anew(session)

    async def _permit(self, session: Session) -> None:
        """Raise why nobody may, or can, go on monitoring this call."""
        desk = self._desk
        if not desk.book.connection.connected:
            raise PlatformError(
                "The call platform cannot be reached.", code=EndReason.PLATFORM_LOST
            )
        account = await self._accounts.get(session.owner.name)
        if account is None:
            raise RefusedError.because(Refusal.of(EndReason.NOT_PERMITTED))
        listed = desk.book.find(session.interaction.id)
        if listed is None:
            raise RefusedError.because(Refusal.of(EndReason.CALL_ENDED))
        refusal = monitor_refusal(account, listed, desk.driver.name, None)
        if refusal is not None:
            raise RefusedError.because(refusal)
        session.owner, session.interaction = account, listed

    async def _leave_the_old(self, session: Session) -> None:
        """Nothing half-joined stays, and a platform may take no second leg of the same person."""
        if not await self._endings.leave(session.handle):
            raise PlatformError(
                "The call platform does not say that the lost leg is gone.",
                code=EndReason.PLATFORM_LOST,
            )

    async def _join_anew(self, session: Session) -> None:
        desk = self._desk
        handle = session.new_handle()
        await desk.audit.append(
            Entry("bargebox", "reconnect", session.id, session.interaction.id),
            also=desk.history.fresh_leg(session.id, handle, desk.driver.name),
        )
        leg = SessionLeg(desk, session, again=True)
        await desk.driver.monitor(handle, session.interaction.id, session.owner.name, leg)
        came = await desk.until(
            lambda: session.media is Media.CONNECTED or session.taken_away == handle, SOUND_S
        )
        if session.taken_away == handle:
            raise PlatformError("The platform gave the new connection up.")
        if not came:
            raise PlatformError(TOO_LATE)
        session.ours.set()
        desk.audit.note(Entry("bargebox", "reconnected", session.id, session.interaction.id))
