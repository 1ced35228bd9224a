"""Our legs: at most one at a time is held, and what a former life left is taken out.

Two rules stand above all else. A resource is only removed from a call whose list entry, read just
before, does not show our own account among the agents: there it would end the customer's call.
And of the two ends of a leg, the queue's word and the gateway's hang-up, the first one counts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.cxengage.account import BARGE, MONITOR
from appliance.platforms.cxengage.book import Book
from appliance.platforms.cxengage.life import Life
from appliance.platforms.cxengage.listing import Row
from appliance.platforms.cxengage.settings import CxEngageSettings
from appliance.platforms.cxengage.supervision import Owed, Supervision, bring_in, let_go, take_out
from appliance.platforms.protocol import LegEnded, LegPort, PlatformError, Sink
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

OFFERED_S, OFFERED = 60.0, 100
"""For how long, and how many, calls that our account was offered count as perhaps our own."""
END_GRACE_S = 0.6
"""A call that is still listed after its end was told has this long to go."""


class Legs:
    """`life` is there while the platform can be reached."""

    def __init__(self, settings: CxEngageSettings, book: Book, tell: Sink, jobs: Jobs) -> None:
        self.life: Life | None = None
        self._settings = settings
        self._book = book
        self._tell = tell
        self._jobs = jobs
        self._current: Supervision | None = None
        self._owed = Owed()
        self._offered: deque[tuple[float, str]] = deque(maxlen=OFFERED)
        """When our account was offered which call as an agent."""
        self._leftovers = True
        """There may be legs of ours, of a former life or let go without consent."""

    def begin_anew(self, life: Life) -> None:
        """A new session."""
        self.life = life
        self._leftovers = True

    def session_died(self) -> None:
        """With its line; a leg of it cannot be steered any more."""
        self.life = None
        one, self._current = self._current, None
        if one is not None and not one.ended.is_set():
            one.ended.set()
            self._tell(LegEnded(one.handle, EndReason.PLATFORM_LOST))

    async def monitor(self, handle: str, interaction: str, leg: LegPort) -> None:
        """Join; a leg that did not come to be is taken out again."""
        life = self._connected()
        if self._current is not None:
            await self._leave(life, self._current)
        row = (await self._read(life)).get(interaction)
        if MONITOR not in life.account.permissions:
            raise _not_permitted(MONITOR)
        if row is not None and self._perhaps_own(row):
            raise _own_call()
        if row is not None and row.monitored_by_us:
            await self._remove_leftovers(life)
        one = self._current = Supervision(handle, interaction)
        try:
            await bring_in(life, one, leg, self._settings)
        finally:
            if not one.asked:
                self._current = None
            elif not one.joined:
                # Left meanwhile, the platform may have taken the two requests in either order.
                self._leftovers = self._leftovers or one.leaving
                self._jobs.spawn(self._leave(life, one), f"undo {handle}")

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the platform consented; its 200 is what counts."""
        life, one = self._connected(), self._current
        if one is None or one.handle != handle:
            raise PlatformError("The leg is not on the call any more.", code=EndReason.CALL_ENDED)
        if audience is None:
            await life.interrupt_own(one.interaction, "mute-resource")
            return
        if audience is not Audience.EVERYONE:
            raise PlatformError("CxEngage cannot let the agent alone hear you; barge in instead.")
        if BARGE not in life.account.permissions:
            raise _not_permitted(BARGE)
        row = self._book.rows.get(one.interaction)
        if row is not None and self._perhaps_own(row):
            raise _own_call()
        await life.interrupt_own(one.interaction, "unmute-resource")

    async def leave(self, handle: str) -> None:
        """End that leg, or, if it is of a former life, whatever there is left of ours."""
        one = self._current
        ours = one is not None and one.handle == handle
        if self.life is None:
            self._leftovers = True
            self._current = None if ours else self._current
        life = self._connected()
        if one is not None and ours:
            await self._leave(life, one)
        else:
            await self._read(life)
            await self._remove_leftovers(life)

    def holds(self, handle: str) -> bool:
        """Whether that leg is ours now; if not, its remains are taken out soon."""
        if self._current is not None and self._current.handle == handle:
            return True
        self._leftovers = True
        return False

    async def look_after(self, life: Life) -> None:
        """After each reading of the list. Raises `PlatformError`."""
        if self._leftovers:
            await self._remove_leftovers(life)
        one = self._current
        row = self._book.rows.get(one.interaction) if one is not None else None
        if one is None or row is None or one.leaving or not one.joined or not row.own_call:
            return
        # A transfer made it our own call: only the media leg goes, never the resource.
        self._current = None
        one.ended.set()
        await let_go(life, one)
        self._tell(LegEnded(one.handle, EndReason.OWN_CALL))

    def work_offered(self, interaction: str | None) -> None:
        """The platform offers our account that call as its agent; the list may tell it later.

        It may be handled by our account from now on, so nothing is removed from it any more.
        """
        if interaction is not None:
            self._offered.append((time.monotonic(), interaction))

    # -- ends

    def start_told(self, interaction: str | None) -> None:
        """The queue says that monitoring has begun; elsewhere than here, it is undone."""
        if self._current is None or self._current.interaction != interaction:
            self._leftovers = True

    def end_told(self, interaction: str | None) -> None:
        """The queue says that monitoring has ended there."""
        one = self._current
        if interaction is not None and self._owed.settle(interaction):
            return
        if one is not None and interaction == one.interaction:
            one.end_told = True
            self._end_seen(one)

    def leg_ended(self, callsid: str) -> None:
        """The gateway cancelled or hung up."""
        one = self._current
        if one is not None and one.callsid == callsid:
            self._end_seen(one)

    def _end_seen(self, one: Supervision) -> None:
        if one.ended.is_set():
            return
        one.ended.set()
        if one.joined and not one.leaving:
            self._current = None
            if not one.end_told:
                self._owed.add(one.interaction)
            self._jobs.spawn(self._tell_end(one), f"end of {one.handle}")

    async def _tell_end(self, one: Supervision) -> None:
        """Say why: the list tells whether the call itself goes on."""
        reason = EndReason.CALL_ENDED
        try:
            life = self._connected()
            if one.end_told:
                await let_go(life, one)
            if one.interaction in await self._read(life):
                await asyncio.sleep(END_GRACE_S)
                if (row := (await self._read(life)).get(one.interaction)) is not None:
                    reason = EndReason.OWN_CALL if row.own_call else EndReason.REMOVED
        except PlatformError as error:
            reason = EndReason.PLATFORM_LOST
            log.warning("why the leg ended cannot be read: %s", error.detail)
        self._tell(LegEnded(one.handle, reason))

    # -- taking out

    async def _leave(self, life: Life, one: Supervision) -> None:
        if one.leaving:
            await one.taken_out.wait()
            return
        one.leaving = True
        try:
            await self._take_out(life, one)
        finally:
            one.taken_out.set()
            if self._current is one:
                self._current = None

    async def _take_out(self, life: Life, one: Supervision) -> None:
        known = False
        try:
            removable = await self._surely_no_agent(life, one.interaction)
            known = await take_out(life, one, removable=removable, settings=self._settings)
        finally:
            self._leftovers = self._leftovers or not known  # also when it is given up half way
        if not one.end_told:
            self._owed.add(one.interaction)

    async def _surely_no_agent(self, life: Life, interaction: str) -> bool:
        try:
            row = (await self._read(life)).get(interaction)
        except PlatformError as error:
            log.warning("who handles the call cannot be read now: %s", error.detail)
            return False
        return row is not None and not self._perhaps_own(row)

    async def _remove_leftovers(self, life: Life) -> None:
        """Take out our legs that nobody here holds, each by a row that has just been read."""
        self._leftovers = removed = False
        busy = self._current.interaction if self._current is not None else None
        for key, row in list(self._book.rows.items()):
            if not row.monitored_by_us or key == busy:
                continue
            now = await self._row_again(life, key) if removed else row
            if now is None:
                continue
            if self._perhaps_own(now):
                log.warning("a leg of ours stays on a call that our account handles itself")
                continue
            removed = True
            try:
                await life.interrupt_own(key, "remove-resource")
            except PlatformError as error:
                self._leftovers = self._leftovers or error.code == EndReason.PLATFORM_LOST
                log.warning("a leg of ours is not removed: %s", error.detail)
            else:
                self._owed.add(key)

    async def _row_again(self, life: Life, interaction: str) -> Row | None:
        """What the list says by now, for removing takes time. Raises `PlatformError`."""
        try:
            row = (await self._read(life)).get(interaction)
        except PlatformError:
            self._leftovers = True
            raise
        return row if row is not None and row.monitored_by_us else None

    async def _read(self, life: Life) -> dict[str, Row]:
        return await self._book.read(life.rest, life.account)

    def _perhaps_own(self, row: Row) -> bool:
        since = time.monotonic() - OFFERED_S
        offered = (call for at, call in self._offered if at > since)
        return row.own_call or row.interaction.id in offered

    def _connected(self) -> Life:
        if self.life is None:
            raise PlatformError(
                "CxEngage cannot be reached at the moment; try again.",
                code=EndReason.PLATFORM_LOST,
            )
        return self.life


def _not_permitted(permission: str) -> PlatformError:
    return PlatformError(
        f"The box's account lacks {permission}; a tenant administrator can give it.",
        code=EndReason.NOT_PERMITTED,
    )


def _own_call() -> PlatformError:
    return PlatformError(
        "The box's account handles this call itself as an agent, so it cannot monitor it.",
        code=EndReason.OWN_CALL,
    )
