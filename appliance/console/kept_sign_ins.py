"""Sign-ins outlast the control process: after its restart an open page goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from pydantic import TypeAdapter

from appliance.console.ports import Accounts
from appliance.console.web_sessions import KeptSession, WebSessions
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

KEEP_EVERY_S = 300.0
"""How much of a sign-in's idle time a sudden end may forget; each time writes to the card."""

_kept: TypeAdapter[list[KeptSession]] = TypeAdapter(list[KeptSession])


class KeptSignIns:
    """Carries `WebSessions` over a restart. What is kept gives nobody a usable cookie.

    A disk that fails costs only this: who is signed in stays so until the process ends.
    """

    def __init__(
        self,
        sessions: WebSessions,
        accounts: Accounts,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sessions, self._accounts, self._clock = sessions, accounts, clock
        self._writing = asyncio.Lock()

    async def recall(self) -> None:
        """Take up what the former process kept."""
        try:
            text = await self._accounts.kept_sign_ins()
            self._sessions.take_up(_kept.validate_json(text or "[]"), self._clock())
        except (BargeboxError, ValueError) as error:
            log.warning("the sign-ins were not recalled, everybody signs in again: %s", error)

    async def keep(self) -> None:
        """Write them down as they are now."""
        async with self._writing:
            text = _kept.dump_json(self._sessions.kept(self._clock())).decode()
            try:
                await self._accounts.keep_sign_ins(text)
            except BargeboxError as error:
                log.warning("the sign-ins were not kept: %s", error)

    async def keep_all(self) -> None:
        """Also when each token was used last."""
        await self.keep()
        try:
            await self._accounts.keep_token_uses()
        except BargeboxError as error:
            log.warning("the last uses of tokens were not kept: %s", error)

    async def run(self) -> None:
        """Keep them for ever, every few minutes."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.keep_all()
