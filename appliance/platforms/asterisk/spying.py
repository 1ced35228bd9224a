"""Our legs where the dialplan spies: each is a call of ours that `ChanSpy` lets listen.

The box calls ``leg-HANDLE`` in its own context. From there AMI moves the leg to ``hear-``,
``coach-`` or ``barge-CHANNEL``, which spy on that one channel with options of their own, so that
who hears whom never hangs on what was before. What is spied on is the agent's channel, since a
whisper goes into it; while there is none it is the customer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import NotFoundError
from appliance.platforms.asterisk.leg_channels import LegChannels
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.asterisk.spying_leg import ARRIVAL, Leg, place_of
from appliance.platforms.asterisk.spying_moves import Moves
from appliance.platforms.protocol import LegPort, PlatformError
from appliance.platforms.sip.agent import UserAgent
from appliance.platforms.sip.dialog import Dialog
from appliance.platforms.sip.errors import SipError
from appliance.service.jobs import Jobs, together

log = logging.getLogger(__name__)

SECONDS_TO_KNOW_WHY = 0.4
"""A leg may end a moment before its call does; only one that ends alone was removed."""
SECONDS_FOR_WHAT_WAS_UNDER_WAY = 1.0
SECONDS_BEFORE_ANOTHER_MOVE = 0.1
RTP_TIMEOUT_CAUSE = 44
"""The hang-up cause of a channel whose media stayed away (``rtp_timeout``)."""


class SpyingLegs:
    """All our legs on one server."""

    def __init__(
        self,
        settings: AsteriskSettings,
        listing: Listing,
        ami: Callable[[], Ami],
        agent: UserAgent,
        on_end: Callable[[str, EndReason], None],
    ) -> None:
        self._settings, self._listing = settings, listing
        self._ami, self._agent, self._on_end = ami, agent, on_end
        self._legs: dict[str, Leg] = {}
        self._moves = Moves(settings, listing, ami)
        self._channels = LegChannels(ami)
        self._leftovers: set[str] = set()
        """Handles of which something may be on the server that nobody wants."""
        self._kept: set[str] = set()
        """Handles of a former life that their owner will resume or leave."""
        self._jobs = Jobs()

    # -- what the driver asks

    def keep(self, handles: Iterable[str]) -> None:
        """Handles of a former life that are resumed or left later."""
        self._kept |= set(handles)

    async def join(self, handle: str, call: str, port: LegPort) -> None:
        """Call the server, and have the call spy. Raises `PlatformError`; nothing is left."""
        if handle in self._legs:
            raise PlatformError("This session is joined already; leave it first.")
        leg = self._legs[handle] = Leg(handle, call)
        try:
            leg.dialog, answer = await self._call(handle, await port.offer())
            await together(port.accept(answer), self._begin(leg))
            leg.joined = True
        except NotFoundError as error:
            raise PlatformError(
                "This call has just ended; choose another.", code=EndReason.CALL_ENDED
            ) from error
        finally:
            if not leg.joined:
                self._abandon(handle, again_after_s=SECONDS_FOR_WHAT_WAS_UNDER_WAY)
        if not self._listing.knows(call):
            self._over(leg, self._listing.reason(call))

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Returns when the server says that it spies in that way."""
        leg = self._leg(handle)
        leg.audience = audience
        try:
            await self._moves.settle(leg)
        except (PlatformError, asyncio.CancelledError):
            if leg.audience is audience:
                leg.audience = None  # a wish that failed, or took too long, lets nobody in later
            self._follow(leg)
            raise
        if leg.audience is not audience:
            raise PlatformError("Who shall hear the leg was changed once more meanwhile.")

    async def leave(self, handle: str) -> None:
        """Remove whatever is there of a handle. Raises `PlatformError` when that is not certain."""
        leg = self._legs.pop(handle, None)
        if leg is not None and leg.ended is None:
            leg.ended = EndReason.HUNG_UP
            leg.changed.set()
        self._kept.discard(handle)
        self._leftovers.add(handle)
        over = await _hung_up(leg.dialog) if leg is not None and leg.dialog is not None else False
        try:
            self._ami()
            await self._channels.hang_up(handle)
        except PlatformError:
            if not over:
                raise
        if await self._channels.gone(handle) or over:
            self._leftovers.discard(handle)

    async def resume(self, handle: str) -> bool:
        """Take up what a former life made; what is not whole is removed."""
        self._ami()
        for channel in self._channels.of(handle):
            extension = channel.dialplan.exten
            place = place_of(extension)
            if place is not None and (call := self._listing.call_of(place[1])):
                leg = Leg(handle, call, channel, audience=place[0], spying=extension, joined=True)
                self._kept.discard(handle)
                self._legs[handle] = leg
                return True
        await self.leave(handle)
        return False

    async def finish(self, limit_s: float) -> None:
        """Let what is being removed be removed, for a while, before the connection closes."""
        await self._jobs.finish(limit_s)

    # -- what the server tells

    def heard(self, event: wire.Event) -> None:
        """An event of any channel; the listing knows of it already."""
        if handle := self._channels.update(event):
            self._heard_of_a_leg(handle, event)
        if event.type == "ChannelDestroyed" and event.channel is not None:
            for leg in list(self._legs.values()):
                if leg.call == event.channel.id:
                    self._over(leg, self._listing.reason(leg.call))
        for leg in self._legs.values():
            leg.changed.set()
            self._follow(leg)

    def read_anew(self, channels: Iterable[wire.Channel]) -> None:
        """After a gap: what became of our legs meanwhile, and what is to be removed."""
        self._channels.replace_all(channels)
        for leg in list(self._legs.values()):
            leg.channel = self._channels.get(leg.channel.id) if leg.channel else None
            if not self._listing.knows(leg.call):
                self._over(leg, EndReason.CALL_ENDED)
            elif leg.channel is None:
                self._over(leg, EndReason.REMOVED)
            else:
                leg.spying = leg.channel.dialplan.exten
                self._follow(leg)
        found = self._channels.handles_at(self._settings.endpoint)
        for handle in sorted(self._leftovers | found - self._kept - self._legs.keys()):
            self._abandon(handle)

    def server_is_new(self) -> None:
        """It was started again: nothing of ours is there."""
        self._channels.replace_all(())
        for leg in list(self._legs.values()):
            self._over(leg, EndReason.PLATFORM_LOST)
        self._leftovers.clear()
        self._kept.clear()

    def _heard_of_a_leg(self, handle: str, event: wire.Event) -> None:
        channel, leg = event.channel, self._legs.get(handle)
        assert channel is not None
        if leg is None:
            if event.type == "ChannelCreated" and channel.endpoint == self._settings.endpoint:
                self._abandon(handle)  # called by a request that nobody waited for any more
            return
        leg.channel = channel
        if event.type == "ChanSpyStart":
            leg.spying = channel.dialplan.exten
        elif event.type == "ChanSpyStop":
            leg.spying = ""
        elif event.type == "ChannelDestroyed":
            lost = event.cause == RTP_TIMEOUT_CAUSE
            reason = EndReason.MEDIA_LOST if lost else EndReason.REMOVED
            self._jobs.spawn(self._ended_alone(leg, reason), "a leg's end")

    async def _ended_alone(self, leg: Leg, reason: EndReason) -> None:
        await asyncio.sleep(SECONDS_TO_KNOW_WHY)
        if leg.ended is None:
            self._over(leg, reason)

    def _over(self, leg: Leg, reason: EndReason) -> None:
        if leg.ended is None:
            leg.ended = reason
            leg.changed.set()
            if leg.joined:
                self._abandon(leg.handle)
                self._on_end(leg.handle, reason)

    # -- the steps

    async def _call(self, handle: str, offer: str) -> tuple[Dialog, str]:
        uri = f"sip:{ARRIVAL}{handle}@{self._agent.account.domain}"
        try:
            return await self._agent.invite(uri, offer)
        except SipError as error:
            if error.status in (403, 404, 484):
                raise PlatformError(
                    f"Asterisk does not let the box's endpoint call {ARRIVAL}…; put the "
                    f"extensions of the box's manual into the context {self._settings.spy_context}."
                ) from error
            raise PlatformError(error.detail) from error

    async def _begin(self, leg: Leg) -> None:
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                while leg.channel is None and leg.ended is None:
                    leg.changed.clear()
                    await leg.changed.wait()
        except TimeoutError as error:
            raise PlatformError(
                "Asterisk does not tell of the box's own call; its endpoint's context and the "
                f"setting spy_context ({self._settings.spy_context}) must be the same."
            ) from error
        await self._moves.settle(leg)

    def _follow(self, leg: Leg) -> None:
        """Where the leg is not as it should be: another agent speaks, or none."""
        there = leg.channel is not None and self._channels.get(leg.channel.id) is not None
        free = leg.joined and leg.ended is None and not leg.follows and not leg.lock.locked()
        if there and free and self._moves.wanted(leg) != leg.spying:
            leg.follows = True
            self._jobs.spawn(self._catch_up(leg), "a leg follows its call")

    async def _catch_up(self, leg: Leg) -> None:
        if not leg.spying:
            await asyncio.sleep(SECONDS_BEFORE_ANOTHER_MOVE)
        try:
            await self._moves.settle(leg)
        except NotFoundError:
            log.debug("%s is gone already", leg.handle)
        except PlatformError as error:
            if leg.ended is None and error.code != EndReason.PLATFORM_LOST:
                log.warning("the leg could not follow its call: %s", error.detail)
                self._over(leg, EndReason.FAILED)
        finally:
            leg.follows = False

    def _leg(self, handle: str) -> Leg:
        leg = self._legs.get(handle)
        if leg is None or leg.ended is not None:
            raise PlatformError("The session has ended.", code=EndReason.CALL_ENDED)
        return leg

    def _abandon(self, handle: str, again_after_s: float = 0.0) -> None:
        """Nobody wants it any more: removed as soon as that is possible.

        Once more after *again_after_s*, for what the server still made while it was given up.
        """
        self._leftovers.add(handle)
        self._jobs.spawn(self._tidy(handle, again_after_s), "leftovers on Asterisk")

    async def _tidy(self, handle: str, again_after_s: float) -> None:
        try:
            await self.leave(handle)
            if again_after_s:
                await asyncio.sleep(again_after_s)
                if handle not in self._legs:
                    await self.leave(handle)
        except PlatformError as error:
            log.warning("%s is not removed from Asterisk yet: %s", handle, error.detail)


async def _hung_up(dialog: Dialog) -> bool:
    """Whether the server has confirmed our BYE."""
    try:
        await dialog.bye()
    except SipError as error:
        log.debug("not hung up over SIP: %s", error.detail)
        return False
    return True
