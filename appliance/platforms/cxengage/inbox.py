"""The loop that takes messages off the queue: delete, hand over, acknowledge; newer ones are left.

The queue may bring a message twice and late; what was handled once is not handled again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appliance.platforms.cxengage.messages import Message, Whose, parse
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.sqs import CredentialsError, Received, Sqs
from appliance.platforms.protocol import PlatformError
from appliance.service.tasks import stop_tasks

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
NEWER_PAUSE_S = 1.0
"""After a message for somebody else, so that leaving it is no busy loop."""
FINISH_S = 2.0
"""What one message may still take when the driver stops."""
REMEMBERED = 500


class Inbox:
    """The messages for one session."""

    def __init__(
        self,
        sqs: Sqs,
        session: str,
        wait_s: int,
        oddities: Oddities,
        *,
        on_message: Callable[[Message], None],
        acknowledge: Callable[[Message], Awaitable[None]],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self._sqs = sqs
        self._session = session
        self._wait_s = wait_s
        self._oddities = oddities
        self._on_message = on_message
        self._acknowledge = acknowledge
        self._renew = renew
        self._handled: deque[str] = deque(maxlen=REMEMBERED)

    async def run(self) -> None:
        """For ever; whatever the queue answers."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                for one in await self._sqs.receive(self._wait_s):
                    await _whole(self._take(one))
                pause = FIRST_PAUSE_S
                continue
            except CredentialsError as error:
                log.info("%s", error.detail)
                await self._renewed()
            except PlatformError as error:
                log.warning("%s", error.detail)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _renewed(self) -> None:
        try:
            await self._renew()
        except PlatformError as error:
            log.warning("the queue's credentials are not renewed yet: %s", error.detail)

    async def _take(self, one: Received) -> None:
        message = parse(one.body, self._oddities)
        whose = message.whose(self._session) if message else Whose.NOBODY
        if whose is Whose.NEWER:
            self._oddities.note("message", "for a session that is newer than ours")
            await asyncio.sleep(NEWER_PAUSE_S)
            return
        try:
            await self._sqs.delete(one.receipt)
        finally:
            # Whether or not the queue confirms: it may be gone, and once handled it is known.
            if message is not None and whose is Whose.OURS:
                await self._handle(one, message)

    async def _handle(self, one: Received, message: Message) -> None:
        names = {one.id, message.action_id or one.id}
        if not names.isdisjoint(self._handled):
            return
        self._handled.extend(names)
        self._on_message(message)
        if message.wants_acknowledgement:
            await self._acknowledged(message)

    async def _acknowledged(self, message: Message) -> None:
        try:
            await self._acknowledge(message)
        except PlatformError as error:
            log.warning("a message could not be acknowledged: %s", error.detail)


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do *work* to its end even when cancelled, for a message off the queue comes no more."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=FINISH_S)
        await stop_tasks(task)
        raise
