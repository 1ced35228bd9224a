"""Whether the session's owner may still monitor the call and be heard, as the account is now."""

from __future__ import annotations

import asyncio
import logging

from appliance.control_link.words import EndReason, Gate
from appliance.monitoring.accounts import Accounts
from appliance.monitoring.desk import Desk
from appliance.monitoring.endings import Endings
from appliance.monitoring.microphone import Microphone
from appliance.monitoring.policy import Permission, is_own_call, unmute_refusal
from appliance.monitoring.session import Session
from appliance.monitoring.store import StoreError
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)


class Owner:
    """Looks the account up, and mutes or ends the session where it has to; nothing waits for it."""

    def __init__(
        self, desk: Desk, endings: Endings, microphone: Microphone, accounts: Accounts
    ) -> None:
        self._desk = desk
        self._endings = endings
        self._microphone = microphone
        self._accounts = accounts
        self._looking: asyncio.Task[None] | None = None
        self._again = False
        """Something changed since the look that is under way began."""
        self._unreadable = False

    def look_soon(self) -> None:
        """Look, once more where a look is under way. Returns at once."""
        if self._looking is None or self._looking.done():
            self._looking = self._desk.jobs.spawn(self._look(), "owner of the session")
        else:
            self._again = True

    async def _look(self) -> None:
        self._again = True
        while self._again and (session := self._desk.running()) is not None:
            self._again = False
            await self._look_at(session)

    async def _look_at(self, session: Session) -> None:
        try:
            account = await self._accounts.get(session.owner.name)
        except StoreError as error:  # a call outlasts a disk; the watch asks again
            if not self._unreadable:
                log.error("whether the owner may go on cannot be read: %s", error.detail)
            self._unreadable = True
            return
        self._unreadable = False
        if session.ending is not None:
            return
        if account is None or not account.has(Permission.MONITOR_ALL_CALLS):
            self._endings.end(session, EndReason.NOT_PERMITTED)
        elif is_own_call(account, session.interaction, self._desk.driver.name):
            self._endings.end(session, EndReason.OWN_CALL)
        else:
            session.owner = account
            self._microphone.account_is(account)
            await self._mute_unless_permitted(session)

    async def _mute_unless_permitted(self, session: Session) -> None:
        """Whoever may listen, and speak no more, goes on listening."""
        owner, capabilities = session.owner, self._desk.driver.capabilities
        refusal = unmute_refusal(owner, owner.name, session.audience, capabilities)
        if session.gate is not Gate.OPEN or refusal is None:
            return
        log.info("the owner may not be heard any more; muting")
        try:
            await self._microphone.mute(session, "bargebox")
        except BargeboxError as fault:  # the watch asks again
            log.error("the leg was not told to mute: %s", fault.detail)
