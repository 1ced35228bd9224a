"""The panel asks for the next call: from the one that was left to the next of its owner's list."""

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
from appliance.monitoring.session import Session
from appliance.monitoring.terms import NO_NEXT, Terms
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

NEXT_WITHIN = timedelta(seconds=10)
"""The next call may be asked for this long after the one before was left."""


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

    def ask(self) -> None:
        """Synchronous; the rest goes on in the background."""
        self._desk.jobs.spawn(self._next(), "next call")

    async def _next(self) -> None:
        desk = self._desk
        before = desk.session or desk.last_session
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
            if owner is None:
                return
            following = desk.book.next_after(owner, before.interaction.id)
            if following is None:
                log.info("there is no next call to monitor")
                return
            if before.ending is None:
                self._endings.end(before, EndReason.HUNG_UP, by=owner.name)
            await self._joining.monitor(owner, following.id)
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
