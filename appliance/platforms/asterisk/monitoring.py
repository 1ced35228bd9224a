"""Our legs on the server: each with a bridge of its own, in it our channel and an ear (`ears`).

All that is made carries the handle's name (`wire`), so that it is found again after this
process's death.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from appliance.control_link.words import Audience, EndReason
from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, path
from appliance.platforms.asterisk.ears import Ears, Leg
from appliance.platforms.asterisk.errors import NotFoundError
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.asterisk.removing import SECONDS_TO_BE_GONE, Remover
from appliance.platforms.asterisk.settings import AsteriskSettings
from appliance.platforms.protocol import PlatformError
from appliance.service.jobs import Jobs, together

log = logging.getLogger(__name__)

SECONDS_TO_KNOW_WHY = 0.4
"""A snoop ends a moment before its call does, and a transfer leaves nobody beside a voice for a
moment; only what lasts is meant.
"""
AGAIN_AFTER_S = (1.0, 2.0, 4.0, 8.0)
"""An ear that could not follow its call is tried again."""
RTP_TIMEOUT_CAUSE = 44
"""The hang-up cause of a channel whose media stayed away (``rtp_timeout``)."""


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
        self._jobs = Jobs()
        self._ears = Ears(settings, listing, ari, self._jobs, self._half_done)
        self._remover = Remover(listing, ari, self._jobs, self._wants)

    # -- what the driver asks

    def keep(self, handles: Iterable[str]) -> None:
        """Handles of a former life that are resumed or left later."""
        self._remover.kept |= set(handles)

    async def join(self, handle: str, anchor: str, call_us: str) -> None:
        """Make ear and bridge, and have the server call our endpoint *call_us*.

        Returns when the leg has been answered and hears. Raises `PlatformError`; nothing is left.
        """
        if self._wants(handle):
            raise PlatformError("This session is joined already; leave it first.")
        self._joining.add(handle)
        leg = Leg(handle, anchor, wire.snoop_id(handle))
        maker, joined = self._ears.maker, False
        try:
            await together(
                maker.bridge(handle),
                maker.snoop(leg.ear, anchor, "none"),
                maker.leg(handle, call_us),
            )
            where = path("bridges", wire.bridge_id(handle), "addChannel")
            await self._ari().post(where, channel=f"{wire.leg_id(handle)},{leg.ear}")
            self._legs[handle] = leg
            joined = True
        except NotFoundError as error:
            raise PlatformError(
                "This call has just ended; choose another.", code=EndReason.CALL_ENDED
            ) from error
        finally:
            self._joining.discard(handle)
            if not joined:
                self._remover.abandon(handle, again_after_s=SECONDS_TO_BE_GONE)
        # What went in the last moment was told while this leg was not known yet.
        if not self._listing.knows(anchor):
            self._over(handle, self._listing.reason(anchor))
        elif not {wire.leg_id(handle), leg.ear} <= self._listing.ours:
            self._over(handle, EndReason.REMOVED)

    async def set_audience(self, handle: str, audience: Audience | None) -> None:
        """Change ears. Raises `PlatformError`."""
        if (leg := self._legs.get(handle)) is None:
            raise PlatformError("The session has ended.", code=EndReason.CALL_ENDED)
        async with leg.lock:
            await self._ears.change(leg, audience)

    async def leave(self, handle: str) -> None:
        """Remove whatever is there of a handle. Raises `PlatformError` when that is not certain."""
        self._legs.pop(handle, None)
        await self._remover.remove(handle)

    async def resume(self, handle: str) -> bool:
        """Take up what a former life made; what is not whole is removed."""
        ari = self._ari()
        try:
            bridge = await ari.get(path("bridges", wire.bridge_id(handle)))
            members = {str(one) for one in bridge.get("channels", ())}
            (ear,) = members - {wire.leg_id(handle)}
            anchor = await self._ears.heard_by(ear)
            whole = wire.leg_id(handle) in members and self._listing.knows(anchor)
        except (NotFoundError, ValueError, AttributeError, TypeError, KeyError):
            whole = False
        if not whole:
            await self.leave(handle)
            return False
        audience = Audience.EVERYONE if wire.is_voice(ear) else None
        self._remover.kept.discard(handle)
        self._legs[handle] = Leg(handle, anchor, ear, audience)
        return True

    async def finish(self, limit_s: float) -> None:
        """Let what is being removed be removed, for a while, before the connection closes."""
        await self._jobs.finish(limit_s)

    # -- what the server tells

    def heard(self, event: wire.Event) -> None:
        """An event of any channel."""
        self._ears.maker.heard(event)
        if event.channel is not None and event.type == "StasisStart":
            self._remover.appeared(event.channel.id)
        elif event.channel is not None and event.type == "ChannelDestroyed":
            self._destroyed(event.channel.id, event.cause)
        if event.type in ("ChannelEnteredBridge", "ChannelLeftBridge", "BridgeDestroyed"):
            self._look_at_ears()

    def read_anew(self, channels: Iterable[wire.Channel], bridges: Iterable[wire.Bridge]) -> None:
        """After a gap: what became of our legs meanwhile, and what is to be removed."""
        for leg in list(self._legs.values()):
            if not self._listing.knows(leg.anchor):
                self._over(leg.handle, EndReason.CALL_ENDED)
            elif not {wire.leg_id(leg.handle), leg.ear} <= self._listing.ours:
                self._over(leg.handle, EndReason.REMOVED)
        app, endpoint = self._ari().app, self._settings.endpoint
        made: list[wire.Channel | wire.Bridge] = [*channels, *bridges]
        self._remover.sweep(one.id for one in made if wire.owned(one, app, endpoint))
        self._look_at_ears()

    def server_is_new(self) -> None:
        """It was started again: nothing of ours is there."""
        for handle in list(self._legs):
            self._legs.pop(handle)
            self._on_end(handle, EndReason.PLATFORM_LOST)
        self._remover.forget()

    def _destroyed(self, channel_id: str, cause: int | None) -> None:
        self._remover.destroyed()
        for leg in list(self._legs.values()):
            if leg.anchor == channel_id:
                self._over(leg.handle, self._listing.reason(channel_id))
        if (mine := self._legs.get(wire.handle_of(channel_id) or "")) is None:
            return
        if channel_id == wire.leg_id(mine.handle):
            lost = cause == RTP_TIMEOUT_CAUSE
            self._over(mine.handle, EndReason.MEDIA_LOST if lost else EndReason.REMOVED)
        elif channel_id == mine.ear and not wire.is_voice(channel_id):
            self._jobs.spawn(self._snoop_ended(mine, channel_id), "a snoop's end")

    async def _snoop_ended(self, leg: Leg, snoop: str) -> None:
        await asyncio.sleep(SECONDS_TO_KNOW_WHY)
        if self._legs.get(leg.handle) is leg and leg.ear == snoop:
            self._over(leg.handle, EndReason.REMOVED)

    def _over(self, handle: str, reason: EndReason) -> None:
        self._legs.pop(handle, None)
        self._remover.abandon(handle)
        self._on_end(handle, reason)

    def _half_done(self, leg: Leg) -> None:
        if self._legs.get(leg.handle) is leg:
            self._over(leg.handle, EndReason.FAILED)

    def _wants(self, handle: str) -> bool:
        return handle in self._joining or handle in self._legs

    # -- a call that moves

    def _look_at_ears(self) -> None:
        for leg in self._legs.values():
            if not leg.moving and not self._ears.is_right(leg):
                leg.moving = True
                self._jobs.spawn(self._follow(leg), "an ear that follows its call")

    async def _follow(self, leg: Leg) -> None:
        """The ear goes after its call. A voice left with one party goes for good, since it alone
        keeps that party's call from ending. In vain, the session ends.
        """
        # Nobody else than the agent may hear what is said to the agent: that is looked at at once.
        first = 0.0 if leg.audience is Audience.AGENT else SECONDS_TO_KNOW_WHY
        for pause in (first, *AGAIN_AFTER_S):
            await asyncio.sleep(pause)
            async with leg.lock:
                if self._legs.get(leg.handle) is not leg or self._ears.is_right(leg):
                    leg.moving = False
                    return
                try:
                    await self._ears.change(leg, leg.audience)
                except PlatformError as error:
                    log.warning("the ear did not follow its call: %s", error.detail)
                    continue
            if self._ears.is_right(leg):
                leg.moving = False
                return
        leg.moving = False
        self._half_done(leg)
