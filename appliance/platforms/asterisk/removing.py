"""Removing what was made on the server, in this life or in a former one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ari import Ari, path
from appliance.platforms.asterisk.listing import Listing
from appliance.platforms.protocol import PlatformError
from appliance.service.jobs import Jobs

log = logging.getLogger(__name__)

SECONDS_TO_BE_GONE = 1.0


class Remover:
    """Removes sessions by their handles, until the server confirms it."""

    def __init__(
        self,
        listing: Listing,
        ari: Callable[[], Ari],
        jobs: Jobs,
        wanted: Callable[[str], bool],
    ) -> None:
        self.kept: set[str] = set()
        """Handles of a former life that their owner will resume or leave."""
        self._listing, self._ari, self._jobs, self._wanted = listing, ari, jobs, wanted
        self._leftovers: set[str] = set()
        """Handles of which something may be on the server that nobody wants."""
        self._destroyed_one = asyncio.Event()

    async def remove(self, handle: str) -> None:
        """Remove whatever is there of a handle. Raises `PlatformError` when that is not certain."""
        self.kept.discard(handle)
        self._leftovers.add(handle)
        ari = self._ari()
        await ari.delete(path("channels", wire.leg_id(handle)))
        for channel in self._channels_of(handle):
            await ari.delete(path("channels", channel))
        await self._gone(handle)
        await ari.delete(path("bridges", wire.bridge_id(handle)))
        self._leftovers.discard(handle)

    def abandon(self, handle: str, again_after_s: float = 0.0) -> None:
        """Nobody wants it any more: removed as soon as that is possible.

        Once more after *again_after_s*, for what the server still made while it was given up.
        """
        self._leftovers.add(handle)
        self._jobs.spawn(self._tidy(handle, again_after_s), "leftovers on Asterisk")

    def sweep(self, names: Iterable[str]) -> None:
        """*names* is all that the server has of this box: what nobody wants is removed."""
        found = {handle for name in names if (handle := wire.handle_of(name)) is not None}
        unknown = {one for one in found - self.kept if not self._wanted(one)}
        for handle in sorted(unknown | self._leftovers):
            log.info("%s is left on Asterisk; removing it", handle)
            self.abandon(handle)

    def appeared(self, channel_id: str) -> None:
        """A channel of ours is there; perhaps nobody waited for it any more."""
        handle = wire.handle_of(channel_id)
        if handle is not None and handle not in self.kept and not self._wanted(handle):
            self.abandon(handle)

    def destroyed(self) -> None:
        """Some channel is gone."""
        self._destroyed_one.set()

    def forget(self) -> None:
        """The server is another one: there is nothing to remove."""
        self._leftovers.clear()

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

    async def _tidy(self, handle: str, again_after_s: float) -> None:
        try:
            await self.remove(handle)
            if again_after_s:
                await asyncio.sleep(again_after_s)
                if not self._wanted(handle):
                    await self.remove(handle)
        except PlatformError as error:
            log.warning("%s is not removed from Asterisk yet: %s", handle, error.detail)
