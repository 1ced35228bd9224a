"""The channels of boxes' legs where AMI tells of them: which is whose, and how it is removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from appliance.platforms.asterisk import wire
from appliance.platforms.asterisk.ami import Ami
from appliance.platforms.asterisk.errors import NotFoundError
from appliance.platforms.asterisk.spying_leg import handle_of

log = logging.getLogger(__name__)

SECONDS_TO_BE_GONE = 1.0


class LegChannels:
    """Those of all boxes, kept by `replace_all` and then `update`."""

    def __init__(self, ami: Callable[[], Ami]) -> None:
        self._ami = ami
        self._channels: dict[str, wire.Channel] = {}
        self._destroyed_one = asyncio.Event()

    def replace_all(self, channels: Iterable[wire.Channel]) -> None:
        """Everything anew."""
        self._channels = {one.id: one for one in channels if wire.handle_of(one.id)}

    def update(self, event: wire.Event) -> str:
        """The handle of the leg that *event* is about, or nothing."""
        channel = event.channel
        if channel is None or wire.handle_of(channel.id) is None:
            return ""
        if event.type != "ChannelDestroyed":
            self._channels[channel.id] = channel
            return handle_of(channel)
        known = self._channels.pop(channel.id, channel)
        self._destroyed_one.set()
        return handle_of(channel) or handle_of(known)

    def get(self, channel_id: str) -> wire.Channel | None:
        """A channel as it is now, if it is there."""
        return self._channels.get(channel_id)

    def of(self, handle: str) -> list[wire.Channel]:
        """The channels of a leg."""
        return [one for one in self._channels.values() if handle_of(one) == handle]

    def handles_at(self, endpoint: str) -> set[str]:
        """The handles of all legs of one box."""
        return {handle_of(one) for one in self._channels.values() if one.endpoint == endpoint}

    async def hang_up(self, handle: str) -> None:
        """End a leg. Raises `PlatformError` when the server does not confirm it."""
        for channel in self.of(handle):
            try:
                await self._ami().ask("Hangup", Channel=channel.name)
            except NotFoundError:
                log.debug("gone already: %s", channel.name)

    async def gone(self, handle: str) -> bool:
        """Wait for a moment until the server says that the leg is gone; whether it is."""
        try:
            async with asyncio.timeout(SECONDS_TO_BE_GONE):
                while self.of(handle):
                    self._destroyed_one.clear()
                    await self._destroyed_one.wait()
        except TimeoutError:
            log.debug("%s is still being removed", handle)
        return not self.of(handle)
