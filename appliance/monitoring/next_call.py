"""From one call to the next in the list that the supervisor filtered last, silent again."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.control_link.commands import RefuseJoin
from appliance.control_link.words import EndReason
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.join import Joining
from appliance.monitoring.policy import Account, RefusedError
from appliance.monitoring.session import Session
from appliance.monitoring.terms import NO_NEXT, NOTHING_GIVEN, Given, Terms
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

NEXT_WITHIN = timedelta(seconds=10)
"""The panel may ask for the next call this long after the one before was left."""


class NextCall:
    """Joins it, or says why not."""

    def __init__(
        self, desk: Desk, endings: Endings, joining: Joining, accounts: Accounts, terms: Terms
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._joining = joining
        self._accounts = accounts
        self._terms = terms

    async def join(self, account: Account, given: Given = NOTHING_GIVEN) -> None:
        """Leave the call that *account* monitors, if any, and join the next one silently.

        Where that cannot be, nothing is left. Raises `BargeboxError`: ``no_next``, ``busy`` while
        somebody else monitors, what `Terms.accept` raises, or what joining raises.
        """
        desk = self._desk
        running = desk.running()
        if running is not None and running.owner.name != account.name:
            owner = running.owner.name
            words = f"The box is busy: {owner} is monitoring a call. Wait until it ends."
            raise RefusedError(words, code="busy")
        self._terms.accept(given)
        before = running or desk.session or desk.last_session
        following = desk.book.next_after(account, before.interaction.id if before else "")
        if following is None:
            raise RefusedError(
                "There is no other call in your list that can be monitored now.", code="no_next"
            )
        if not (connection := desk.book.connection).connected:
            words = connection.detail or "The call platform cannot be reached now."
            raise RefusedError(words, code=EndReason.PLATFORM_LOST)
        if running is not None:
            self._endings.end(running, EndReason.HUNG_UP, by=account.name)
        await self._joining.monitor(account, following.id, given)

    def ask(self) -> None:
        """The panel's wish; synchronous, the rest goes on in the background."""
        self._desk.jobs.spawn(self._from_panel(), "next call")

    async def _from_panel(self) -> None:
        """For the owner of the call that the button left."""
        if self._desk.running() is not None:
            log.info("the next call was asked for, but somebody monitors another one already")
            return
        before = self._desk.session or self._desk.last_session
        if before is None:
            return
        if before.ending is not None and datetime.now(UTC) - before.ending.at > NEXT_WITHIN:
            log.info("the next call was asked for, but none was left lately")
            return
        if self._terms:  # nobody is at the page to be asked, and one call's reason is not another's
            await self._refuse(before)
            return
        try:
            # Looked up again: a permission may have been withdrawn since the call began.
            owner = await self._accounts.get(before.owner.name)
            if owner is not None:
                await self.join(owner)
        except BargeboxError as fault:
            log.warning("the next call was not joined: %s (%s)", fault.detail, fault.code)

    async def _refuse(self, before: Session) -> None:
        """The ear hears a refusal, and the page of whoever listened says why."""
        log.info("the next call was not joined: the site asks before each call")
        desk = self._desk
        if before.ending is not None and desk.last_end is before.ending:
            desk.last_end = replace(before.ending, detail=f"{before.ending.detail} {NO_NEXT}")
            desk.publish()
        await desk.tell_leg(lambda n: RefuseJoin(id=n, reason=EndReason.NOT_PERMITTED))
