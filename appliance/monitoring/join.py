"""Joining a call silently: on record first, then leg, platform, media; or all of it undone."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from appliance.control_link.commands import RefuseJoin
from appliance.control_link.words import EndReason, Media
from appliance.monitoring.audit import Entry
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.policy import Account, RefusedError, monitor_refusal
from appliance.monitoring.reasons import reason_for
from appliance.monitoring.session import Session
from appliance.monitoring.session_leg import SessionLeg
from appliance.monitoring.session_machine import Event, State
from appliance.monitoring.terms import NOTHING_GIVEN, Given, Terms
from appliance.platforms.protocol import Interaction
from appliance.service.errors import BargeboxError
from appliance.service.jobs import together

TIDY_LIMIT_S = 5.0
"""How long a new session waits for the one before to be tidied up."""


class Joining:
    """Begins sessions at the desk."""

    def __init__(self, desk: Desk, endings: Endings) -> None:
        self._desk = desk
        self._endings = endings
        self._terms = Terms.of(desk.settings)

    async def monitor(
        self, account: Account, interaction_id: str, given: Given = NOTHING_GIVEN
    ) -> Session:
        """Join; returns when the supervisor hears the call. Raises `BargeboxError`.

        Codes: an end reason's, ``not_found``, ``busy``, ``audit_unwritable``,
        ``leg_unreachable``, what `Terms.accept` raises, or the platform's own.
        """
        desk = self._desk
        if not await desk.until(lambda: desk.machine.state is not State.ENDED, TIDY_LIMIT_S):
            raise RefusedError("The call before is still being left. Try again.", code="busy")
        interaction = self._permitted(account, interaction_id)
        given = self._terms.accept(given)
        session = Session(account, interaction, reason=given.reason)
        desk.session = session
        desk.machine.fire(Event.JOIN)
        session.joining = desk.jobs.spawn(self._join(session, given), f"join {session.id}")
        desk.publish()
        await asyncio.wait({session.joining})
        if session.ending is not None:
            raise RefusedError(session.ending.detail, code=session.ending.code)
        return session

    def _permitted(self, account: Account, interaction_id: str) -> Interaction:
        """The interaction, if policy lets *account* monitor it now."""
        desk = self._desk
        if desk.closed_by:
            raise RefusedError("The box restarts its connection. Try again.", code="busy")
        running = desk.running()
        interaction = desk.book.find(interaction_id)
        if interaction is None:
            # Known of old, it has ended; never heard of, there is nothing for the ear to say.
            interaction = desk.book.get(account, interaction_id).interaction
        refusal = monitor_refusal(
            account, interaction, desk.driver.name, running.running() if running else None
        )
        if refusal is None:
            return interaction
        desk.audit.note(
            Entry(
                account.name,
                "monitor_refused",
                interaction_id=interaction.id,
                detail={"code": refusal.code},
            )
        )
        if running is None and refusal.reason is not None:
            self._tell_ear(refusal.reason)
        raise RefusedError.because(refusal)

    def _tell_ear(self, reason: EndReason) -> None:
        async def tell() -> None:
            await self._desk.tell_leg(lambda n: RefuseJoin(id=n, reason=reason))

        self._desk.jobs.spawn(tell(), "refuse join")

    async def _join(self, session: Session, given: Given) -> None:
        limit_s = self._desk.settings.join_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await self._connect(session, given)
        except TimeoutError:
            words = f"The call could not be joined within {limit_s:g} s. Try again."
            self._endings.end(session, EndReason.FAILED, detail=words)
        except BargeboxError as fault:
            self._endings.end(session, reason_for(fault.code), code=fault.code, detail=fault.detail)

    async def _connect(self, session: Session, given: Given) -> None:
        desk = self._desk
        leg = SessionLeg(desk, session)
        await together(leg.prepare(), self._put_on_record(session, given))
        await desk.driver.monitor(session.handle, session.interaction.id, session.owner.name, leg)
        session.ours.set()
        # The outer time limit is the one that counts; this one only has to be longer.
        await desk.until(lambda: session.media is Media.CONNECTED, 2 * desk.settings.join_limit_s)

    async def _put_on_record(self, session: Session, given: Given) -> None:
        """Who, what and why, and the leg that is about to be made: nothing is made without this."""
        desk = self._desk
        said: dict[str, JsonValue] = {"confirmed": given.confirmed, "reason": given.reason}
        detail = {name: value for name, value in said.items() if value}
        await desk.audit.append(
            Entry(session.owner.name, "monitor", session.id, session.interaction.id, detail),
            also=desk.history.beginning(session.record(desk.driver.name)),
        )
