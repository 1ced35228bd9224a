"""Sign-ins outlast the control process: after its restart an open page goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from pydantic import TypeAdapter

from appliance.console.ports.people import Accounts
from appliance.console.settings import ConsoleError
from appliance.console.web_sessions import KeptSession, WebSessions
from appliance.service.errors import BargeboxError

log = logging.getLogger(__name__)

KEEP_EVERY_S = 300.0
"""How much of a sign-in's idle time a sudden end may forget; each time writes to the card."""

AGAIN_S = 10.0
"""After a failure, until the next try."""

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
        self.late = False
        """What was kept last is not how it is: the disk failed since."""

    async def recall(self) -> None:
        """Take up what the former process kept."""
        try:
            text = await self._accounts.kept_sign_ins()
            self._sessions.take_up(_kept.validate_json(text or "[]"), self._clock())
        except (BargeboxError, ValueError) as error:
            log.warning("the sign-ins were not recalled, everybody signs in again: %s", error)

    async def keep(self) -> None:
        """Write them down as they are now; what fails is done again soon."""
        with suppress(BargeboxError):
            await self._keep()

    async def keep_or_tell(self) -> None:
        """As `keep`. Raises `ConsoleError` 503 where a sign-in that ended may come back yet."""
        try:
            await self._keep()
        except BargeboxError as error:
            raise ended_for_now(error) from error

    async def _keep(self) -> None:
        async with self._writing:
            text = _kept.dump_json(self._sessions.kept(self._clock())).decode()
            try:
                await self._accounts.keep_sign_ins(text)
            except BargeboxError as error:
                if not self.late:
                    log.warning("the sign-ins were not kept: %s", error)
                self.late = True
                raise
            self.late = False

    async def keep_all(self) -> None:
        """Also when each token was used last."""
        await self.keep()
        try:
            await self._accounts.keep_token_uses()
        except BargeboxError as error:
            log.warning("the last uses of tokens were not kept: %s", error)

    async def run(self) -> None:
        """Keep them for ever, every few minutes, and soon again what failed."""
        waited_s = 0.0
        while True:
            await asyncio.sleep(AGAIN_S)
            waited_s += AGAIN_S
            if waited_s >= KEEP_EVERY_S:
                waited_s = 0.0
                await self.keep_all()
            elif self.late:
                await self.keep()


def ended_for_now(error: BargeboxError) -> ConsoleError:
    """What to tell whoever ended sign-ins that a new start of the box would recall."""
    return ConsoleError(
        503,
        error.code,
        "Signed out for now, but the box could not write that down, and its next start may undo "
        "it. Try again, and check the box's disk.",
    )
