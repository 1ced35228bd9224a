"""From one call to the next in the list that the supervisor filtered last, silent again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from appliance.control_link.words import EndReason
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.join import Joining
from appliance.monitoring.policy import Account, RefusedError
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

WITHIN: Final = timedelta(seconds=10)
"""The panel may ask for the next call this long after the one before was left."""


class NextCall:
    """Moves on at the desk."""

    def __init__(self, desk: Desk, endings: Endings, joining: Joining, accounts: Accounts) -> None:
        self._desk, self._endings, self._joining = desk, endings, joining
        self._accounts = accounts

    async def join(self, account: Account) -> None:
        """Leave the call that *account* monitors, if any, and join the next one silently.

        Where there is no next one, nothing is left. Raises `BargeboxError`: ``no_next``,
        ``busy`` while somebody else monitors, or what joining raises.
        """
        running = self._desk.running()
        if running is not None and running.owner.name != account.name:
            owner = running.owner.name
            words = f"The box is busy: {owner} is monitoring a call. Wait until it ends."
            raise RefusedError(words, code="busy")
        before = running or self._desk.session or self._desk.last_session
        following = self._desk.book.next_after(account, before.interaction.id if before else "")
        if following is None:
            raise RefusedError(
                "There is no other call in your list that can be monitored now.", code="no_next"
            )
        if running is not None:
            self._endings.end(running, EndReason.HUNG_UP, by=account.name)
        await self._joining.monitor(account, following.id)

    async def from_panel(self) -> None:
        """The same for the owner of the call that the panel's button left, or is in."""
        before = self._desk.session or self._desk.last_session
        if before is None:
            return
        if before.ending is not None and datetime.now(UTC) - before.ending.at > WITHIN:
            log.info("the next call was asked for, but none was left lately")
            return
        try:
            # Looked up again: a permission may have been withdrawn since the call began.
            owner = await self._accounts.get(before.owner.name)
            if owner is not None:
                await self.join(owner)
        except BargeboxError as fault:
            log.warning("the next call was not joined: %s (%s)", fault.detail, fault.code)
