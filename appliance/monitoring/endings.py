"""How a session ends: the leg and the platform are told at once, then it is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from appliance.control_link.commands import HangUp
from appliance.control_link.events import Quality
from appliance.control_link.words import EndReason
from appliance.monitoring.audit import Entry
from appliance.monitoring.curve import Curve
from appliance.monitoring.desk import Desk
from appliance.monitoring.history import BargeSpan
from appliance.monitoring.reasons import WORDS
from appliance.monitoring.session import Ending, Session
from appliance.monitoring.session_machine import Event
from appliance.monitoring.store import StoreError
from appliance.platforms.protocol import Interaction, PlatformError

log = logging.getLogger(__name__)

TIDY_S = 0.5
DISK_PAUSES_S = (0, 5, 10, 30, 60, 300)
"""Before each attempt to close a session in history; the next start closes it at the latest."""


class Endings:
    """Ends the desk's session, whoever wants it to, and cleans up on the platform."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._leaving: set[str] = set()
        self.leftovers = False
        """Whether a leg is known that the platform did not confirm to be gone."""

    def end(
        self,
        session: Session,
        reason: EndReason,
        *,
        code: str = "",
        detail: str = "",
        by: str = "bargebox",
        leg_gone: bool = False,
    ) -> None:
        """Begin to end *session*; the first reason stays. Returns at once.

        *code* and *detail* are an error's own words where one is behind it. With *leg_gone* the
        leg has ended already.
        """
        desk = self._desk
        if session.ending is not None:
            log.debug("session %s ends already; not %s", session.id, reason)
            return
        words = detail or WORDS[reason]
        session.ending = Ending(session.id, reason, code or reason, words, datetime.now(UTC))
        desk.last_end, desk.last_session = session.ending, session
        desk.machine.fire(Event.END)
        desk.book.remember(session.interaction, session.monitor())
        desk.audit.note(
            Entry(by, "ended", session.id, session.interaction.id, {"reason": reason.value})
        )
        log.info("session %s ended: %s (%s)", session.id, reason, words)
        for task in (session.joining, session.reconnecting):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        desk.jobs.spawn(self._tidy(session, session.ending, leg_gone), f"end of {session.id}")
        desk.publish()

    async def _tidy(self, session: Session, ending: Ending, leg_gone: bool) -> None:
        desk = self._desk
        leaving = desk.jobs.spawn(self._leave_after_join(session), f"leave {session.handle}")
        writing = desk.jobs.spawn(self._write_down(session, ending), f"history of {session.id}")
        if not leg_gone:
            await desk.tell_leg(lambda n: HangUp(id=n, session_id=session.id, reason=ending.reason))
        # Platform and disk may take their time; mostly they do not, and idle means all is done.
        await asyncio.wait({leaving, writing}, timeout=TIDY_S)
        desk.machine.fire(Event.TIDIED)
        desk.session = None
        desk.publish()

    async def _write_down(self, session: Session, ending: Ending) -> None:
        await self.close_record(
            ending, session.interaction, session.barges, session.quality, session.curve
        )

    async def close_record(
        self,
        ending: Ending,
        interaction: Interaction,
        barges: Sequence[BargeSpan],
        quality: Quality | None = None,
        curve: Curve | None = None,
    ) -> None:
        """Close a session in history; a disk that does not take it is asked again."""
        last = quality.model_dump(mode="json", exclude={"session"}) if quality else None
        for pause_s in DISK_PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                await self._desk.history.end(
                    ending.session_id,
                    ending.at,
                    ending.reason,
                    ending.detail,
                    interaction=interaction,
                    quality=last,
                    sound=quality.session if quality else None,
                    barges=barges,
                    curve=curve,
                )
            except StoreError as fault:
                log.error("the end of %s is not written down: %s", ending.session_id, fault.detail)
            else:
                return

    async def _leave_after_join(self, session: Session) -> None:
        joins = {task for task in (session.joining, session.reconnecting) if task is not None}
        if joins:
            # What a cancelled join still undoes comes before our leaving.
            await asyncio.wait(joins, timeout=self._desk.settings.platform_request_s)
        await self.leave(session.handle)

    async def leave(self, handle: str) -> bool:
        """Have the platform end our leg; what does not succeed stays on the list of leftovers.

        Whether it is certainly gone.
        """
        if handle in self._leaving:
            return False
        self._leaving.add(handle)
        try:
            async with asyncio.timeout(self._desk.settings.platform_request_s):
                await self._desk.driver.leave(handle)
            await self._desk.history.leg_is_gone(handle)
        except TimeoutError:
            self._left_over(handle, "no answer")
        except (PlatformError, StoreError) as fault:
            self._left_over(handle, fault.detail)
        else:
            return True
        finally:
            self._leaving.discard(handle)
        return False

    async def sweep(self) -> None:
        """Leave every leg on record but the running session's own."""
        desk = self._desk
        self.leftovers = False
        try:
            legs = await desk.history.open_legs()
        except StoreError as fault:
            self._left_over("?", fault.detail)
            return
        for leg in legs:
            own = desk.session is not None and desk.session.handle == leg.handle
            if leg.platform == desk.driver.name and not own:
                await self.leave(leg.handle)

    def _left_over(self, handle: str, why: str) -> None:
        self.leftovers = True
        log.warning("leg %s may be left on the platform (%s); trying again later", handle, why)
