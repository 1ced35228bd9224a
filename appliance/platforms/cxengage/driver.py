"""The CxEngage driver. It touches no media: descriptions pass through as text."""

from __future__ import annotations

import asyncio
import logging

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.cxengage.book import Book
from appliance.platforms.cxengage.check import check_connection
from appliance.platforms.cxengage.legs import Legs
from appliance.platforms.cxengage.life import Life
from appliance.platforms.cxengage.messages import Message
from appliance.platforms.cxengage.oddities import Oddities
from appliance.platforms.cxengage.rest import Rest, make_client
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.protocol import (
    Capability,
    Check,
    LegNeeds,
    LegPort,
    PlatformError,
    Sink,
)
from appliance.platforms.telling import Teller
from appliance.service.jobs import Jobs
from appliance.service.tasks import deadly_task, stop_tasks

log = logging.getLogger(__name__)

STOP_JOBS_S = 2.0
EVERY = frozenset(
    {Capability.LISTEN, Capability.BARGE, Capability.FOLLOW, Capability.SEES_TRANSFER}
)
ASIDE = frozenset({"resource-mute", "resource-unmute"})
"""The consent is what counts, so these tell nothing new."""


class CxEngageDriver:
    """Implements `appliance.platforms.protocol.Driver`; connects again for ever once started."""

    name = "cxengage"
    leg = LegNeeds(offers=False)

    def __init__(self, settings: CxEngageSettings) -> None:
        self.capabilities = EVERY
        """Narrowed by the account's permissions at each sign-in."""
        self._settings = settings
        self._teller = Teller()
        self._task: asyncio.Task[None] | None = None
        self._oddities = Oddities()
        self._jobs = Jobs()
        self._legs: Legs | None = None
        self._sessions: set[str] = set()
        """Sessions that this process opened."""

    async def start(self, sink: Sink, kept: frozenset[str] = frozenset()) -> None:
        """Begin to connect; returns at once."""
        self._teller.sink = sink
        self._task = deadly_task(self._stay_connected(), "cxengage platform")

    async def stop(self) -> None:
        """Sign out and disconnect."""
        await self._jobs.finish(STOP_JOBS_S)
        await stop_tasks(self._task)
        self._task = None

    async def check(self) -> list[Check]:
        """Address, TLS, sign-in, permissions, list, queue and line; opens no session."""
        life = self._legs.life if self._legs is not None else None
        registered = life is not None and life.line is not None and life.line.ready
        return await check_connection(self._settings, registered=registered)

    async def monitor(
        self, handle: str, interaction_id: str, supervisor: str, leg: LegPort
    ) -> None:
        """Join silently, as the box's account. A leg that did not come to be is taken out."""
        await self._reached().monitor(handle, interaction_id, leg)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the platform consented."""
        await self._reached().set_audience(handle, audience)

    async def leave(self, handle: str) -> None:
        """End our own leg and wait for its end; without a connection, as soon as there is one."""
        await self._reached().leave(handle)

    async def resume(self, handle: str, leg: LegPort) -> bool:
        """False for a former life: its signalling is gone, so its leg is taken out."""
        return self._reached().holds(handle)

    def _reached(self) -> Legs:
        if self._legs is None:
            raise PlatformError(
                "CxEngage cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self._legs

    # -- the connection's life

    async def _stay_connected(self) -> None:
        settings, book = self._settings, Book(self._teller.tell)
        legs = self._legs = Legs(settings, book, self._teller.tell, self._jobs)

        async def live() -> None:
            # A client of its own for each attempt: the CA file may be mended meanwhile.
            async with await make_client(settings) as client:
                await self._live_through_one(Rest(settings, client, self._oddities), book, legs)

        await self._teller.stay_connected(live, settings.retry_first, settings.retry_longest)

    async def _live_through_one(self, rest: Rest, book: Book, legs: Legs) -> None:
        """From signing in to the session's death, which raises `PlatformError`."""
        life = await Life.begin(
            self._settings,
            rest,
            self._sessions,
            on_message=self._noticed,
            on_leg_ended=legs.leg_ended,
        )
        polling: asyncio.Task[None] | None = None
        try:
            self.capabilities = life.account.capabilities()
            legs.begin_anew(life)
            book.begin_anew()
            polling = deadly_task(self._poll(life, book, legs), "cxengage list")
            await life.run()
        except PlatformError:
            legs.session_died()
            raise
        finally:
            legs.life = None
            await stop_tasks(polling)
            await life.end()

    async def _poll(self, life: Life, book: Book, legs: Legs) -> None:
        while True:
            try:
                await self._read(life, book)
                await legs.look_after(life)
            except PlatformError as error:
                self._teller.complain(error.detail)
            await asyncio.sleep(self._settings.poll_interval)

    async def _read(self, life: Life, book: Book) -> None:
        """The list, which may well be there while the leg cannot be called."""
        trouble = life.line.trouble() if life.line is not None else ""
        if trouble:
            self._teller.complain(trouble)
        if self._teller.well or trouble:
            await book.read(life.rest, life.account)
            return
        # After a gap the list may be there again while the session is dead.
        await life.prove()
        book.begin_anew()
        await book.read(life.rest, life.account, ahead=self._teller.all_is_well)

    # -- what the platform tells

    def _noticed(self, message: Message) -> None:
        """A message for our session."""
        kind = message.notification_type
        if message.type == "work-offer" and self._legs is not None:
            self._legs.work_offered(message.interaction_id)
        if message.type != "agent-notification" or kind in ASIDE or self._legs is None:
            return
        if kind == "silent-monitor-end":
            self._legs.end_told(message.interaction_id)
        elif kind == "silent-monitor-start":
            self._legs.start_told(message.interaction_id)
        else:
            self._oddities.met("notification", kind)
