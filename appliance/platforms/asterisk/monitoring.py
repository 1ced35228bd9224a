"""Our legs on the server: a bridge of its own with our leg and a snoop on the customer's channel.

The snoop hears both sides, follows the customer through hold and transfer, and whispers to whom
the audience says; as a snoop's directions are fixed, another audience is another snoop. All that
is made carries the handle's name (`wire`), so that it is found again after this process's death.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, NotFoundError, path
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError
from appliance.service.jobs import Jobs, together

log = logging.getLogger(__name__)

SECONDS_TO_KNOW_WHY = 0.4
"""A snoop ends a moment before its call does; only one that ends alone was removed."""
SECONDS_TO_BE_GONE = 1.0
RTP_TIMEOUT_CAUSE = 44
"""The hang-up cause of a channel whose media stayed away (``rtp_timeout``)."""


@dataclass(slots=True)
class Leg:
    """One of ours."""

    handle: str
    anchor: str
    """The channel that is listened to."""
    snoop: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Legs:
    """All our legs on one server."""

    def __init__(
        self,
        settings: AsteriskSettings,
        listing: Listing,
        ari: Callable[[], Ari],
        on_end: Callable[[str, EndReason], None],
    ) -> None:
        self._settings, self._listing = settings, listing
        self._ari, self._on_end = ari, on_end
        self._legs: dict[str, Leg] = {}
        self._joining: set[str] = set()
        self._leftovers: set[str] = set()
        """Handles of which something may be on the server that nobody wants."""
        self._arrivals: dict[str, asyncio.Future[None]] = {}
        self._destroyed_one = asyncio.Event()
        self._jobs = Jobs()

    # -- what the driver asks

    async def join(self, handle: str, anchor: str, call_us: str) -> None:
        """Make snoop and bridge, and have the server call our endpoint *call_us*.

        Returns when the leg has been answered and hears. Raises `PlatformError`; nothing is left.
        """
        if handle in self._legs or handle in self._joining:
            raise PlatformError("This session is joined already; leave it first.")
        self._joining.add(handle)
        leg = Leg(handle, anchor, _snoop_id(handle))
        joined = False
        try:
            await together(
                self._make_bridge(handle),
                self._snoop(leg.snoop, anchor, None),
                self._dial(leg, call_us),
            )
            await self._bridge(handle, wire.leg_id(handle), leg.snoop)
            self._legs[handle] = leg
            joined = True
        except NotFoundError as error:
            raise PlatformError(
                "This call has just ended; choose another.", code=EndReason.CALL_ENDED
            ) from error
        finally:
            self._joining.discard(handle)
            if not joined:
                self.abandon(handle, again_after_s=SECONDS_TO_BE_GONE)
        if not self._listing.knows(anchor):
            self._over(handle, self._listing.reason(anchor))

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Change snoops: the old one goes first, so that its sound is never whispered back."""
        leg = self._leg(handle)
        async with leg.lock:
            new = _snoop_id(handle)
            bridge = path("bridges", wire.bridge_id(handle))
            try:
                await self._snoop(new, leg.anchor, audience)
            except NotFoundError as error:
                raise PlatformError("The call has ended.", code=EndReason.CALL_ENDED) from error
            old, leg.snoop = leg.snoop, new
            try:
                await self._ari().post(f"{bridge}/removeChannel", channel=old)
                await self._ari().post(f"{bridge}/addChannel", channel=new)
                await self._ari().delete(path("channels", old))
            except PlatformError:
                if self._legs.get(handle) is leg:  # half done: nobody knows who hears whom
                    self._over(handle, EndReason.FAILED)
                raise

    async def leave(self, handle: str) -> None:
        """Remove whatever is there of a handle. Raises `PlatformError` when that is not certain."""
        self._legs.pop(handle, None)
        self._leftovers.add(handle)
        ari = self._ari()
        await ari.delete(path("channels", wire.leg_id(handle)))
        for channel in self._channels_of(handle):
            await ari.delete(path("channels", channel))
        await self._gone(handle)
        await ari.delete(path("bridges", wire.bridge_id(handle)))
        self._leftovers.discard(handle)

    async def resume(self, handle: str) -> bool:
        """Take up what a former life made; what is not whole is removed."""
        ari = self._ari()
        try:
            bridge = await ari.get(path("bridges", wire.bridge_id(handle)))
            members = [str(one) for one in bridge.get("channels", ())]
            (snoop,) = [one for one in members if one.startswith(f"{handle}.snoop-")]
            channel = await ari.get(path("channels", snoop))
            anchor = str(channel.get("name")).partition("/")[2].rpartition("-")[0]
            whole = wire.leg_id(handle) in members and self._listing.knows(anchor)
        except (NotFoundError, ValueError, AttributeError, TypeError):
            whole = False
        if not whole:
            await self.leave(handle)
            return False
        self._legs[handle] = Leg(handle, anchor, snoop)
        return True

    def abandon(self, handle: str, again_after_s: float = 0.0) -> None:
        """Nobody wants it any more: removed as soon as that is possible.

        Once more after *again_after_s*, for what the server still made while it was given up.
        """
        self._legs.pop(handle, None)
        self._leftovers.add(handle)
        self._jobs.spawn(self._tidy(handle, again_after_s), "leftovers on Asterisk")

    # -- what the server tells

    def heard(self, event: wire.Event) -> None:
        """An event of any channel."""
        channel = event.channel
        if channel is None:
            return
        if event.type == "StasisStart":
            self._arrived(channel.id)
        elif event.type == "ChannelDestroyed":
            if (arrival := self._arrivals.get(channel.id)) is not None and not arrival.done():
                arrival.set_exception(
                    PlatformError("Asterisk did not reach the box's leg, or it was refused.")
                )
            self._destroyed(channel.id, event.cause)

    def read_anew(self) -> None:
        """After a gap: what became of our legs meanwhile, and what is to be removed."""
        for leg in list(self._legs.values()):
            if not self._listing.knows(leg.anchor):
                self._over(leg.handle, EndReason.CALL_ENDED)
            elif not {wire.leg_id(leg.handle), leg.snoop} <= self._listing.ours:
                self._over(leg.handle, EndReason.REMOVED)
        for handle in sorted(self._leftovers):
            self.abandon(handle)

    def server_is_new(self) -> None:
        """It was started again: nothing of ours is there."""
        for handle in list(self._legs):
            self._legs.pop(handle)
            self._on_end(handle, EndReason.PLATFORM_LOST)
        self._leftovers.clear()

    async def finish(self, limit_s: float) -> None:
        """Let what is being removed be removed, for a while, before the connection closes."""
        await self._jobs.finish(limit_s)

    def _arrived(self, channel_id: str) -> None:
        handle = wire.handle_of(channel_id)
        if (arrival := self._arrivals.get(channel_id)) is not None and not arrival.done():
            arrival.set_result(None)
        elif handle is not None and handle not in self._joining and handle not in self._legs:
            self.abandon(handle)  # made by a request that nobody waited for any more

    def _destroyed(self, channel_id: str, cause: int | None) -> None:
        self._destroyed_one.set()
        handle = wire.handle_of(channel_id)
        for leg in list(self._legs.values()):
            if leg.anchor == channel_id:
                self._over(leg.handle, self._listing.reason(channel_id))
        if (mine := self._legs.get(handle or "")) is None:
            return
        if channel_id == wire.leg_id(mine.handle):
            lost = cause == RTP_TIMEOUT_CAUSE
            self._over(mine.handle, EndReason.MEDIA_LOST if lost else EndReason.REMOVED)
        elif channel_id == mine.snoop:
            self._jobs.spawn(self._snoop_ended(mine, channel_id), "a snoop's end")

    async def _snoop_ended(self, leg: Leg, snoop: str) -> None:
        await asyncio.sleep(SECONDS_TO_KNOW_WHY)
        if self._legs.get(leg.handle) is leg and leg.snoop == snoop:
            self._over(leg.handle, EndReason.REMOVED)

    def _over(self, handle: str, reason: EndReason) -> None:
        self.abandon(handle)
        self._on_end(handle, reason)

    # -- the steps

    def _channels_of(self, handle: str) -> list[str]:
        return [one for one in self._listing.ours if wire.handle_of(one) == handle]

    async def _gone(self, handle: str) -> None:
        """Wait for a moment until the server says that the channels are gone."""
        try:
            async with asyncio.timeout(SECONDS_TO_BE_GONE):
                while self._channels_of(handle):
                    self._destroyed_one.clear()
                    await self._destroyed_one.wait()
        except TimeoutError:
            log.debug("%s is still being removed", handle)

    def _leg(self, handle: str) -> Leg:
        if (leg := self._legs.get(handle)) is None:
            raise PlatformError("The session has ended.", code=EndReason.CALL_ENDED)
        return leg

    async def _make_bridge(self, handle: str) -> None:
        name = wire.bridge_id(handle)
        await self._ari().post(path("bridges", name), type="mixing", name=name)

    async def _snoop(self, name: str, anchor: str, audience: Audience | None) -> None:
        """Returns when it can be put into a bridge."""
        agent = self._listing.is_agent(anchor)
        # Into the customer's channel is what the agent hears, out of it what the customer does.
        coach = "out" if agent else "in"
        whisper = {None: "none", Audience.EVERYONE: "both", Audience.AGENT: coach}[audience]
        app = self._ari().app
        where = path("channels", anchor, "snoop", name)
        await self._arrival(name, where, spy="both", whisper=whisper, app=app)

    async def _dial(self, leg: Leg, endpoint: str) -> None:
        name = wire.leg_id(leg.handle)
        await self._arrival(
            name,
            path("channels", name),
            endpoint=endpoint,
            app=self._ari().app,
            formats="opus",  # else it would offer another codec first
            callerId=f'"Bargebox" <{leg.handle}>',
            timeout=str(round(self._settings.request_timeout * 2)),
        )

    async def _arrival(self, channel_id: str, where: str, **parameters: str) -> None:
        """Make a channel, and wait until it is up and ours to move."""
        arrival = asyncio.get_running_loop().create_future()
        self._arrivals[channel_id] = arrival
        try:
            async with asyncio.timeout(self._settings.request_timeout * 2):
                await self._ari().post(where, **parameters)
                await arrival
        except TimeoutError as error:
            raise PlatformError("Asterisk did not connect the leg in time; try again.") from error
        finally:
            self._arrivals.pop(channel_id, None)
            if arrival.done() and not arrival.cancelled():
                arrival.exception()  # retrieved, also when the request failed first

    async def _bridge(self, handle: str, *channels: str) -> None:
        where = path("bridges", wire.bridge_id(handle), "addChannel")
        await self._ari().post(where, channel=",".join(channels))

    async def _tidy(self, handle: str, again_after_s: float) -> None:
        try:
            await self.leave(handle)
            if again_after_s:
                await asyncio.sleep(again_after_s)
                if handle not in self._joining and handle not in self._legs:
                    await self.leave(handle)
        except PlatformError as error:
            log.warning("%s is not removed from Asterisk yet: %s", handle, error.detail)


def _snoop_id(handle: str) -> str:
    return f"{handle}.snoop-{secrets.token_hex(4)}"
